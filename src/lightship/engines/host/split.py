"""Splits the graph of a signature: what runs here first, what OpenVINO runs, and what runs here last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lightship.engines.base import CannotRun
from lightship.engines.host.flat import Flat, Node, Tensor, flattened
from lightship.engines.host.kernels import KERNELS, Attributes
from lightship.engines.host.tables import TABLES
from lightship.engines.openvino.proven import STRUCTURE, unproven
from lightship.saved_model.signature_graph import Operation, attribute_value
from lightship.saved_model.signatures import Signature
from lightship.tensors.dtypes import DataType

_PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderV2"})
# Either side has its own.
_SHARED = frozenset({"Const", "NoOp"}) | _PLACEHOLDERS | TABLES
_VARIABLES = frozenset({"ReadVariableOp", "VarHandleOp", "Variable", "VariableV2"})


class NothingToSplit(CannotRun):
    """OpenVINO can run every operation of the graph, or refused it for another reason."""


@dataclass(frozen=True, slots=True)
class Split:
    """The nodes of each part, each behind those that it needs."""

    flat: Flat
    # Where the graph has each of the signature's outputs.
    outputs: dict[str, Tensor]
    # The nodes that run here, in front of the model and behind it.
    first: list[Node]
    last: list[Node]
    # The nodes of the model, with constants and variables.
    model: list[Node]
    # What the model takes of the first part, and what it gives to the last part or to the caller.
    fed: list[Tensor]
    given: list[Tensor]


def split(graph: Any, signature: Signature, allowed: frozenset[str]) -> Split:
    """Splits the graph of a signature.

    allowed: operations that OpenVINO may run although they are not proven. Raises CannotRun if an operation can be run
    neither here nor on OpenVINO, and NothingToSplit if all would be run there.
    """
    flat, found = flattened(graph, [spec.tensor for spec in signature.outputs.values()])
    outputs = dict(zip(signature.outputs, found, strict=True))
    needed = flat.with_ancestors(tensor.node for tensor in outputs.values())
    parts = _Parts(flat, needed, allowed)
    first, last = parts.first(), parts.last()
    if not first and not last:
        raise NothingToSplit("every operation is one of OpenVINO's")
    if all(is_shared(flat.nodes[name]) or name in last or _has_kernel(flat.nodes[name]) for name in needed):
        first, last = {name for name in needed if not is_shared(flat.nodes[name])}, set()  # nothing is left to OpenVINO
    both = first | last
    model = [name for name in flat.nodes if name in needed and name not in both and not is_shared(flat.nodes[name])]
    inside = set(model)
    fed = [one for name in model for one in flat.nodes[name].inputs if one.node in first]
    asked = [one for name in last for one in flat.nodes[name].inputs if one.node in inside]
    asked += [tensor for tensor in outputs.values() if tensor.node in inside]
    shared = [name for name in flat.with_ancestors(model) if flat.nodes[name].op == "Const"]
    return Split(
        flat,
        outputs,
        [node for name, node in flat.nodes.items() if name in first],
        [node for name, node in flat.nodes.items() if name in last],
        [node for name, node in flat.nodes.items() if name in inside or name in shared],
        list(dict.fromkeys(fed)),
        list(dict.fromkeys(asked)),
    )


def attributes_of(node: Node) -> Attributes:
    return Attributes(node.op, node.definition.attr)


class _Parts:
    def __init__(self, flat: Flat, needed: set[str], allowed: frozenset[str]) -> None:
        self._flat, self._needed = flat, needed
        self._foreign: dict[str, CannotRun] = {}
        texts: set[str] = set()  # the nodes that have to do with strings
        for name, node in flat.nodes.items():
            reason = None if is_shared(node) else _foreign(node, allowed)
            takes_text = any(one.node in texts for one in node.inputs)
            if takes_text and reason is not None and not _has_kernel(node):
                reason = _no_kernel(node)  # to allow the operation on OpenVINO would not help
            if _names_strings(node) or (takes_text and reason is not None):
                texts.add(name)
            if reason is not None:
                self._foreign[name] = reason
                if name not in needed and not _has_kernel(node):
                    raise reason  # it may be a check
        self._whole: set[str] = set()
        for name, node in flat.nodes.items():
            before = all(one.node in self._whole for one in node.inputs)
            if is_shared(node) or (before and node.op not in _VARIABLES and _has_kernel(node)):
                self._whole.add(name)
        self._first = self._computed(name for name in self._foreign if name in self._whole and name in needed)

    def first(self) -> set[str]:
        """Returns what runs in front of the model: what OpenVINO cannot run, and what that needs."""
        return self._first

    def last(self) -> set[str]:
        """Returns what runs behind the model: what OpenVINO cannot run and needs the model, and what needs that."""
        last: set[str] = set()
        for name, node in self._flat.nodes.items():
            foreign = name in self._foreign and name not in self._first
            if name in self._needed and (foreign or any(one.node in last for one in node.inputs)):
                if not _has_kernel(node):
                    raise self._foreign.get(name) or _no_kernel(node)
                last.add(name)
        return last

    def _computed(self, names: Iterable[str]) -> set[str]:
        return {name for name in self._flat.with_ancestors(names) if not is_shared(self._flat.nodes[name])}


def is_shared(node: Node) -> bool:
    """Returns whether a node needs nothing to be computed, so that either side can have it."""
    return node.op in _SHARED


def _foreign(node: Node, allowed: frozenset[str]) -> CannotRun | None:
    """Returns why OpenVINO cannot run a node, or None if it can."""
    values = {name: attribute_value(value) for name, value in node.definition.attr.items() if not name.startswith("_")}
    if _names_strings(node):
        return _no_kernel(node)
    if node.op in STRUCTURE:
        return None
    known = {name: value for name, value in values.items() if value is not None}
    reason = unproven([Operation(node.op, node.definition.name, known, ())], allowed)
    return None if reason is None else CannotRun(reason, operation=node.op)


def _names_strings(node: Node) -> bool:
    return any(value.type == DataType.DT_STRING for value in node.definition.attr.values())


def _has_kernel(node: Node) -> bool:
    kernel = KERNELS.get(node.op)
    if kernel is None:
        return False
    try:
        kernel(attributes_of(node))
    except CannotRun:
        return False
    return True


def _no_kernel(node: Node) -> CannotRun:
    """Returns why a node cannot run here."""
    kernel = KERNELS.get(node.op)
    if kernel is not None:
        try:
            kernel(attributes_of(node))
        except CannotRun as unable:
            return unable
    return CannotRun(f"{node.op} is run by TensorFlow only ({node.definition.name})")
