"""Looks for operations that mix the rows of a batch, in the shapes that a model has for two numbers of rows.

A dimension that differs between the two depends on the number of rows. An operation that adds up, sorts, selects or
joins along such a dimension lets the rows depend on each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from lightship.engines.openvino.facts import static_shape
from lightship.engines.openvino.known import ELEMENTWISE
from lightship.engines.openvino.shapes import Shape

# Reshaping computes shapes only, so that a large number of rows costs nothing. It is unlikely to be a size in a model.
COMPARED_ROWS = (3, 1031)


class Mixing(NamedTuple):
    """What the shapes say about the rows of a model."""

    # Why the rows depend on each other, or None if no operation was found that mixes them.
    reason: str | None
    # Whether each operation is known to keep rows apart. Otherwise only a trial can tell.
    proven: bool


@dataclass(frozen=True, slots=True)
class _Port:
    """An input or an output of a node for a few rows; `rows` are the dimensions that depend on the number of rows."""

    shape: Shape
    rows: tuple[int, ...]

    @property
    def before(self) -> int:
        """How many elements there are before the dimension of the rows."""
        return math.prod(self.shape[: self.rows[0]])


class _Node(NamedTuple):
    node: Any
    inputs: list[_Port]
    outputs: list[_Port]

    def attribute(self, name: str) -> Any:
        return self.node.get_attributes()[name]

    def numbers(self, operand: int) -> list[int] | None:
        """The integers of a constant operand; None for any other."""
        source = self.node.input(operand).get_source_output().get_node()
        return [int(one) for one in source.data.ravel()] if source.get_type_name() == "Constant" else None


def mixing(few: Any, many: Any) -> Mixing:
    """Compares copies of one model that were reshaped to the two numbers of rows of `COMPARED_ROWS`."""
    proven = True
    for one, other in zip(few.get_ordered_ops(), many.get_ordered_ops(), strict=True):
        inputs = [_port(*pair) for pair in zip(one.inputs(), other.inputs(), strict=True)]
        outputs = [_port(*pair) for pair in zip(one.outputs(), other.outputs(), strict=True)]
        if None in inputs or None in outputs:
            proven = False
            continue
        node = _Node(one, [port for port in inputs if port], [port for port in outputs if port])
        if not any(port.rows for port in node.inputs):
            continue
        reason = _reason(node)
        if reason is not None:
            return Mixing(f"{reason} ({one.get_type_name()} {one.get_friendly_name()})", False)
        proven = proven and one.get_type_name() in _UNDERSTOOD
    return Mixing(None, proven)


def _port(one: Any, other: Any) -> _Port | None:
    few, many = static_shape(one), static_shape(other)
    if few is None or many is None or len(few) != len(many):
        return None
    return _Port(few, tuple(axis for axis, size in enumerate(few) if size != many[axis]))


def _reason(node: _Node) -> str | None:
    kind = node.node.get_type_name()
    if kind in ("ShapeOf", "Result"):
        return None
    if any(len(port.rows) > 1 for port in (*node.inputs, *node.outputs)):
        return "every row meets every other one"
    if not any(port.rows for port in node.outputs):
        return "the rows become one"
    along = _ALONG.get(kind, _prefixed(kind))
    for operand, axes in along(node) if along is not None else ():
        port = node.inputs[operand]
        if any(axis % max(1, len(port.shape)) in port.rows for axis in axes):
            return "works along the rows"
    rule = _RULES.get(kind)
    return rule(node) if rule is not None else None


Axes = Iterator[tuple[int, list[int]]]  # operands, and the dimensions along which the operation mixes their elements


def _all(node: _Node, operand: int = 0, first: int = 0) -> list[int]:
    return list(range(first, len(node.inputs[operand].shape)))


def _given(position: int, otherwise: int = 0) -> Callable[[_Node], Axes]:
    """The axes are an operand; without it, all from `otherwise`. Unknown ones may be any."""

    def axes(node: _Node) -> Axes:
        if position >= len(node.inputs):
            yield 0, _all(node, first=otherwise)
            return
        numbers = node.numbers(position)
        yield 0, _all(node) if numbers is None else numbers

    return axes


def _named(name: str) -> Callable[[_Node], Axes]:
    def axes(node: _Node) -> Axes:
        yield 0, [int(node.attribute(name))]

    return axes


def _concat(node: _Node) -> Axes:
    for operand in range(len(node.inputs)):
        yield operand, [int(node.attribute("axis"))]


def _inner(first: int) -> Callable[[_Node], Axes]:
    """Convolutions and pooling mix channels and pixels. Filters must not depend on rows at all."""

    def axes(node: _Node) -> Axes:
        yield 0, _all(node, first=first)
        for operand in range(1, len(node.inputs)):
            yield operand, _all(node, operand)

    return axes


def _matmul(node: _Node) -> Axes:
    yield 0, [-2 if node.attribute("transpose_a") and len(node.inputs[0].shape) > 1 else -1]
    yield 1, [-1 if node.attribute("transpose_b") or len(node.inputs[1].shape) == 1 else -2]


def _einsum(node: _Node) -> Axes:
    operands, _, result = str(node.attribute("equation")).replace(" ", "").partition("->")
    for operand, letters in enumerate(operands.split(",")):
        if "..." in letters:
            yield operand, []
            continue
        yield operand, [axis for axis, letter in enumerate(letters) if letter not in result]


def _prefixed(kind: str) -> Callable[[_Node], Axes] | None:
    return _given(1) if kind.startswith("Reduce") else None


def _reshaped(node: _Node) -> str | None:
    """Rows stay rows if as many elements are before them as there were."""
    before, after = node.inputs[0], node.outputs[0]
    return "rearranges the rows" if before.rows and before.before != after.before else None


def _sliced(node: _Node) -> str | None:
    """As many rows as before, in the same order."""
    before, after = node.inputs[0], node.outputs[0]
    if before.rows and before.shape[before.rows[0]] != after.shape[after.rows[0]]:
        return "takes some of the rows, or adds to them"
    steps = node.numbers(3) if len(node.inputs) > 3 and node.node.get_type_name().endswith("Slice") else None
    return "may turn the rows round" if steps and min(steps) < 0 and before.rows else None


_CONVOLUTIONS = ("Convolution", "ConvolutionBackpropData", "GroupConvolution", "GroupConvolutionBackpropData")

_ALONG: Mapping[str, Callable[[_Node], Axes]] = {
    **dict.fromkeys(_CONVOLUTIONS, _inner(1)),
    **dict.fromkeys(("AvgPool", "MaxPool"), _inner(2)),
    **dict.fromkeys(("CumSum", "MVN", "NormalizeL2", "Reverse", "Split", "VariadicSplit"), _given(1)),
    **dict.fromkeys(("LogSoftmax", "Softmax", "TopK"), _named("axis")),
    "Concat": _concat,
    "DepthToSpace": _inner(1),
    "Einsum": _einsum,
    "Gather": _given(2),
    "GatherElements": _named("axis"),
    "MatMul": _matmul,
    "ReverseSequence": _named("seq_axis"),
    "Roll": _given(2),
    "ScatterUpdate": _given(3),
    "SpaceToDepth": _inner(1),
}

_RULES: Mapping[str, Callable[[_Node], str | None]] = {
    **dict.fromkeys(("Reshape", "Squeeze", "Unsqueeze"), _reshaped),
    **dict.fromkeys(("Interpolate", "Pad", "Slice", "StridedSlice"), _sliced),
}

_UNDERSTOOD = frozenset(
    {
        *ELEMENTWISE,
        *_RULES,
        *_ALONG.keys() - {"Einsum", "GatherElements", "ReverseSequence", "ScatterUpdate"},
        *("BatchNormInference", "HSigmoid", "HardSigmoid", "OneHot", "PRelu", "Selu", "ShapeOf", "Transpose"),
        *("ReduceL2", "ReduceLogicalAnd", "ReduceLogicalOr", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd"),
        "ReduceSum",
    }
)
