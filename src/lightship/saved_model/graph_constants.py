"""Finds the constants of a graph, also through the functions that it calls, without running it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.errors import LightshipError
from lightship.tensors.tensor_proto import array_of

_CONSTANTS = frozenset({"Const", "ReadVariableOp", "VarHandleOp", "Variable", "VariableV2"})
# These operations call the function that an attribute names, with their own operands.
CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_PASSED_ON = frozenset({"Identity"})
# The output of these operations depends on a shape, and so on the inputs of the signature.
_OF_SHAPES = frozenset({"Rank", "Shape", "ShapeN", "Size"})
_MAX_DEPTH = 64
_MAX_ELEMENTS = 1 << 24


@dataclass(frozen=True, slots=True)
class Body:
    """The nodes of a graph or of a function, by their names."""

    nodes: Mapping[str, Any]
    # The tensors that the caller passes and the caller's body, by parameter, if they are known.
    arguments: Mapping[str, tuple[str, Body]] = field(default_factory=dict)
    _known: dict[str, bool] = field(default_factory=dict)

    def called(self, node: Any, parameters: Iterable[str], nodes: Iterable[Any]) -> Body:
        """Returns the body of a function that a node of this body calls."""
        given = ((tensor, self) for tensor in operands(node))
        return Body({one.name: one for one in nodes}, dict(zip(parameters, given, strict=False)))

    def source(self, tensor: str) -> tuple[Any, Body] | None:
        """Returns the node that computes a tensor, and the node's body; None if an unknown caller passes the tensor."""
        body = self
        for _ in range(_MAX_DEPTH):
            name = tensor.partition(":")[0]
            node = body.nodes.get(name)
            if node is None:
                if name not in body.arguments:
                    return None
                tensor, body = body.arguments[name]
            elif node.op in _PASSED_ON:
                tensor = node.input[0]
            else:
                return node, body
        return None

    def is_constant(self, tensor: str, depth: int = 0) -> bool:
        """Returns whether a tensor is a constant, such as a weight, or computed from constants only."""
        found = self.source(tensor)
        if found is None or depth > _MAX_DEPTH:
            return False
        node, body = found
        if node.op in _CONSTANTS:
            return True
        if node.name not in body._known:
            given = list(operands(node))
            computed = bool(given or node.op in CALLS) and node.op not in _OF_SHAPES
            body._known[node.name] = computed and all(body.is_constant(one, depth + 1) for one in given)
        return body._known[node.name]

    def value(self, tensor: str) -> NDArray[Any] | None:
        """Returns the value of a constant or of a range of constants, and None for any other tensor."""
        node, body = self.source(tensor) or (None, self)
        if node is None:
            return None
        if node.op == "Const":
            return _array(node.attr["value"].tensor)
        if node.op == "Range":
            limits = [body.value(one) for one in operands(node)]
            return _range([limit.item() for limit in limits if limit is not None and limit.size == 1])
        return None

    def shape(self, tensor: str) -> tuple[int, ...] | None:
        """Returns the shape of a constant or a variable.

        Returns None if a dimension is unknown, or if the tensor is neither.
        """
        node, body = self.source(tensor) or (None, self)
        if node is None:
            return None
        if node.op == "ReadVariableOp":
            return body.shape(node.input[0])
        if node.op == "Const":
            return _sizes(node.attr["value"].tensor.tensor_shape)
        return _sizes(node.attr["shape"].shape) if node.op in _CONSTANTS else None


def operands(node: Any) -> Iterator[str]:
    """Returns the input tensors of a node, without its control dependencies."""
    return (name for name in node.input if not name.startswith("^"))


def _array(tensor: Any) -> NDArray[Any] | None:
    try:
        return array_of(tensor)
    except LightshipError:
        return None


def _range(limits: list[Any]) -> NDArray[Any] | None:
    if len(limits) != 3 or not all(map(math.isfinite, limits)) or not limits[2]:
        return None
    if abs((limits[1] - limits[0]) / limits[2]) > _MAX_ELEMENTS:
        return None
    return np.arange(*limits)


def _sizes(shape: Any) -> tuple[int, ...] | None:
    sizes = tuple(dimension.size for dimension in shape.dim)
    return None if shape.unknown_rank or any(size < 0 for size in sizes) else sizes
