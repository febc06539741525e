"""Finds the operations that a signature runs, without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from lightship.saved_model.graph_constants import CALLS, Body, operands
from lightship.saved_model.graph_state import function_names, reached
from lightship.saved_model.signatures import Signature
from lightship.tensors.dtypes import DataType

GATHERS = frozenset({"GatherNd", "GatherV2", "ResourceGather"})
DIVISIONS = frozenset({"FloorDiv", "FloorMod", "TruncateDiv", "TruncateMod"})
# A function is read once for each set of constants that it is called with; after this many, only once.
_MAX_BODIES = 4096

Attribute = str | int | float | bool | tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One node of a graph or of a function that the graph calls."""

    op: str
    name: str
    # Types as names, such as "float"; strings, numbers, bools and lists of them. Without shapes, tensors and functions.
    attributes: Mapping[str, Attribute]
    # For each input whether it is a constant, such as a weight.
    operands: tuple[bool, ...]
    # Whether constant indices are known to be in range, or constant divisors known not to be zero.
    checked: bool = False


def operations_of(graph: Any, signature: Signature) -> list[Operation]:
    """Returns the operations that run when a signature of this `tensorflow.GraphDef` is called.

    These are the nodes that its outputs need, their control dependencies, and the nodes of all functions they call.
    """
    functions = {function.signature.name: function for function in graph.library.function}
    nodes = {node.name: node for node in graph.node}
    outputs = [spec.tensor for spec in signature.outputs.values()]
    found, bodies = [], [Body({node.name: node for node in reached(nodes, outputs)})]
    seen = set[tuple[str, tuple[int, ...]]]()
    for body in bodies:  # the loop appends to this list
        for node in body.nodes.values():
            for name in _called(node, functions):
                called = _body(node, body, functions[name])
                key = name, _constants(called) if len(seen) < _MAX_BODIES else ()
                if key not in seen:
                    seen.add(key)
                    bodies.append(called)
            if node.op not in functions:
                found.append(_operation(node, body))
    return found


def _called(node: Any, functions: Mapping[str, Any]) -> Iterator[str]:
    if node.op in functions:
        yield node.op
    for value in node.attr.values():
        yield from (name for name in function_names(value) if name in functions)


def _body(node: Any, caller: Body, function: Any) -> Body:
    """Returns the body of a function that a node calls. The arguments of loops and branches are unknown."""
    if node.op in CALLS or node.op == function.signature.name:
        return caller.called(node, (argument.name for argument in function.signature.input_arg), function.node_def)
    return Body({one.name: one for one in function.node_def})


def _constants(body: Body) -> tuple[int, ...]:
    """Returns an id for each argument of a function that is a constant, and 0 for the others."""
    found = []
    for tensor, caller in body.arguments.values():
        source = caller.source(tensor) if caller.is_constant(tensor) else None
        found.append(id(source[0]) if source is not None else 0)
    return tuple(found)


def _operation(node: Any, body: Body) -> Operation:
    attributes = {name: attribute_value(value) for name, value in node.attr.items() if not name.startswith("_")}
    known = {name: value for name, value in attributes.items() if value is not None}
    constant = tuple(map(body.is_constant, operands(node)))
    return Operation(node.op, node.name, MappingProxyType(known), constant, _checked(node, body, constant))


def _checked(node: Any, body: Body, constant: tuple[bool, ...]) -> bool:
    """Returns whether a gather of constants is known to be in range, or a constant divisor known not to be zero."""
    if not all(constant[:2]):
        return False
    if node.op in DIVISIONS:
        divisor = body.value(node.input[1])
        return divisor is not None and bool(divisor.all())
    return node.op in GATHERS and _stays_inside(node, body)


def _stays_inside(node: Any, body: Body) -> bool:
    table, indices, *axis = operands(node)
    if "batch_dims" in node.attr and node.attr["batch_dims"].i:
        return False
    shape, values = body.shape(table), body.value(indices)
    if shape is None or values is None:
        return False
    if node.op == "GatherNd":
        width = values.shape[-1] if values.ndim else 0
        within = 0 < width <= len(shape) and (values >= 0) & (values < np.asarray(shape[:width]))
        return bool(np.all(within))
    along = body.value(axis[0]) if axis else np.int32(0)
    if along is None or not -len(shape) <= int(along) < len(shape):
        return False
    return bool(((values >= 0) & (values < shape[int(along)])).all())


def attribute_value(value: Any) -> Attribute | None:
    """Converts a `tensorflow.AttrValue` for `Operation.attributes`. Returns None for shapes, tensors and functions."""
    kind = value.WhichOneof("value")
    if kind == "type":
        return _type(value.type)
    if kind == "s":
        text: str = value.s.decode(errors="replace")
        return text
    if kind in ("i", "f", "b"):
        plain: Attribute = getattr(value, kind)
        return plain
    return _list(value.list) if kind == "list" else None


def _list(value: Any) -> Attribute:
    texts, types = [one.decode(errors="replace") for one in value.s], [_type(one) for one in value.type]
    return tuple([*texts, *value.i, *value.f, *value.b, *types])


def _type(number: int) -> str:
    return DataType(number).label if number in DataType._value2member_map_ else f"type {number}"
