"""The operations that a signature runs, read from `saved_model.pb` without TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lightship.bundle.dtypes import DataType
from lightship.bundle.graph_state import function_names, reached
from lightship.bundle.saved_model import Signature

_CONSTANTS = frozenset({"Const", "ReadVariableOp", "VarHandleOp", "Variable", "VariableV2"})
_PASSED_ON = frozenset({"Identity"})

Attribute = str | int | float | bool | tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One node of a graph, or of a function that the graph calls.

    attributes: those of types as names, such as "float"; texts, numbers, bools, and lists of them; not shapes,
    constants and functions. operands: for each input, whether it is a constant, as weights are.
    """

    op: str
    name: str
    attributes: Mapping[str, Attribute]
    operands: tuple[bool, ...]


def operations_of(graph: Any, signature: Signature) -> list[Operation]:
    """All that runs when a signature of this `tensorflow.GraphDef` is called: what its outputs need, what only has to
    run before, and all that is in the functions that are called on the way."""
    functions = {function.signature.name: function.node_def for function in graph.library.function}
    nodes = {node.name: node for node in graph.node}
    outputs = [spec.tensor for spec in signature.outputs.values()]
    found, waiting, seen = [], [list(reached(nodes, outputs))], set[str]()
    while waiting:
        body = waiting.pop()
        by_name = {node.name: node for node in body}
        for node in body:
            called = [name for name in _called(node, functions) if name not in seen]
            seen.update(called)
            waiting += [list(functions[name]) for name in called]
            if node.op not in functions:
                found.append(_operation(node, by_name))
    return found


def _called(node: Any, functions: Mapping[str, Any]) -> Iterator[str]:
    if node.op in functions:
        yield node.op
    for value in node.attr.values():
        yield from (name for name in function_names(value) if name in functions)


def _operation(node: Any, by_name: Mapping[str, Any]) -> Operation:
    attributes = {name: attribute_value(value) for name, value in node.attr.items() if not name.startswith("_")}
    known = {name: value for name, value in attributes.items() if value is not None}
    operands = tuple(_is_constant(name, by_name) for name in node.input if not name.startswith("^"))
    return Operation(node.op, node.name, MappingProxyType(known), operands)


def _is_constant(tensor: str, by_name: Mapping[str, Any]) -> bool:
    """Whether a tensor is a constant of the graph; what a function gets from its caller is not known to be one."""
    for _ in range(len(by_name)):
        node = by_name.get(tensor.partition(":")[0])
        if node is None or node.op not in _PASSED_ON:
            return node is not None and node.op in _CONSTANTS
        tensor = node.input[0]
    return False


def attribute_value(value: Any) -> Attribute | None:
    """A `tensorflow.AttrValue` as `Operation.attributes` has it; None for shapes, tensors and functions."""
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
