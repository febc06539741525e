"""The table of operations that are proven to give the same results on OpenVINO as on TensorFlow.

`make conformance` writes it. Each entry is a TensorFlow operation with the types and attributes that were tested.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from lightship.engines.base import CannotRun
from lightship.engines.openvino.reading import check_types
from lightship.saved_model.reader import read_graph
from lightship.saved_model.signature_graph import DIVISIONS, GATHERS, Attribute, Operation, operations_of
from lightship.saved_model.signatures import Signature
from lightship.tensors.dtypes import DataType

# Operations that hold, name or pass on values.
STRUCTURE = frozenset(
    {"Const", "IdentityN", "NoOp", "PartitionedCall", "Placeholder", "ReadVariableOp", "StatefulPartitionedCall"}
    | {"VarHandleOp", "Variable", "VariableV2"}
)
# OpenVINO computes an operation on constants while it reads the graph, without TensorFlow's checks.
_NOT_OF_CONSTANTS = GATHERS | DIVISIONS
# Attributes that may have any value: the suite tests several values, or the value has no effect.
ANY_VALUE = frozenset(
    {"N", "T_list", "alpha", "axis", "batch_dims", "begin_mask", "block_size", "ellipsis_mask", "end_mask"}
    | {"epsilon", "ksize", "max_seq_num", "new_axis_mask", "num", "num_elements", "num_split", "output_shapes"}
    | {"parallel_iterations", "shrink_axis_mask", "squeeze_dims", "strides", "use_cudnn_on_gpu"}
)
_TYPE_NAMES = frozenset(kind.label for kind in DataType) | {"resource", "variant"}


@dataclass(frozen=True, slots=True)
class Entry:
    """What was proven about one operation."""

    # The tested combinations of type attributes.
    types: tuple[Mapping[str, str], ...]
    # The tested values of other attributes.
    attributes: Mapping[str, tuple[Attribute, ...]]
    # The default values of attributes. `tf.saved_model.save` leaves defaults out of a graph.
    defaults: Mapping[str, Attribute]


def refuse_unproven(folder: Path, signature: Signature, allowed: frozenset[str]) -> None:
    """Raises CannotRun if a signature has an operation that is neither in the table nor allowed.

    Also raises the errors of `read_graph`.
    """
    check_types(signature)
    reason = unproven(operations_of(read_graph(folder, signature.tags), signature), allowed)
    if reason is not None:
        raise CannotRun(reason, operation=reason.partition(" ")[0])


def unproven(operations: Iterable[Operation], allowed: frozenset[str] = frozenset()) -> str | None:
    """Returns why a graph must not run on OpenVINO: its first operation that is not in the table. None if it may run.

    `allowed` holds operations that may run although they are not in the table.
    """
    table = proven_operations()
    # Identity is checked last: if the operation before it is not proven either, that operation is reported.
    for operation in sorted(operations, key=lambda one: one.op == "Identity"):
        if operation.op not in STRUCTURE and operation.op not in allowed:
            reason = _unproven(operation, table.get(operation.op))
            if reason is not None:
                return f"{operation.op} {reason} ({operation.name})"
    return None


def _unproven(operation: Operation, entry: Entry | None) -> str | None:
    if entry is None:
        return "is not proven to give TensorFlow's answers on OpenVINO"
    types, others = split({**entry.defaults, **operation.attributes})
    if types not in entry.types:
        named = ", ".join(f"{name}={value}" for name, value in types.items())
        return f"of these types ({named}) is not proven to give TensorFlow's answers on OpenVINO"
    for name, value in others.items():
        if value not in entry.attributes.get(name, ()):
            return f"with {name}={value} is not proven to give TensorFlow's answers on OpenVINO"
    if operation.op in _NOT_OF_CONSTANTS and operation.operands and all(operation.operands) and not operation.checked:
        return "with only constant inputs is not checked by OpenVINO"
    return None


def split(attributes: Mapping[str, Attribute]) -> tuple[dict[str, str], dict[str, Attribute]]:
    """Returns the type attributes, and the other attributes whose values matter."""
    types: dict[str, str] = {}
    others: dict[str, Attribute] = {}
    for name, value in attributes.items():
        if isinstance(value, str) and value in _TYPE_NAMES:
            types[name] = value
        elif name == "equation":
            others[name] = canonical_equation(str(value))
        elif name not in ANY_VALUE and not _is_list_of_types(value):
            others[name] = value
    return types, others


def _is_list_of_types(value: Attribute) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, str) and one in _TYPE_NAMES for one in value)


def canonical_equation(equation: str) -> str:
    """Returns an einsum equation with its letters renamed in order of appearance. Only their positions matter."""
    letters: dict[str, str] = {}
    return "".join(letters.setdefault(one, chr(ord("a") + len(letters))) if one.isalpha() else one for one in equation)


@cache
def proven_operations() -> Mapping[str, Entry]:
    defaults = _file()["defaults"]
    return {op: _entry(fields, defaults.get(op, {})) for op, fields in _file()["operations"].items()}


def made_with() -> Mapping[str, str]:
    """Returns the versions of OpenVINO and TensorFlow with which the table was made."""
    found: Mapping[str, str] = _file()["versions"]
    return found


def _entry(fields: Mapping[str, Any], defaults: Mapping[str, Any]) -> Entry:
    attributes = {name: tuple(map(_frozen, values)) for name, values in fields.get("attributes", {}).items()}
    return Entry(tuple(fields["types"]), attributes, {name: _frozen(value) for name, value in defaults.items()})


def _frozen(value: Any) -> Attribute:
    found: Attribute = tuple(value) if isinstance(value, list) else value
    return found


@cache
def _file() -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(files(__package__).joinpath("proven.json").read_text())
    return content
