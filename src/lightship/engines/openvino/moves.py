"""Rules for operations that only move values. For small tensors, the bounds of each element move with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lightship.engines.openvino.facts import MAX_EXACT_ELEMENTS, Bounds, Fact, Facts, inputs_of, joined, static_shape

Mover = Callable[[Any, Bounds, Sequence[Fact]], Bounds]


def move(node: Any, facts: Facts) -> Sequence[Fact]:
    """Returns the first operand's facts after the move.

    Each element keeps its own bounds if the operand is small and the other operands are known.
    """
    operands = inputs_of(node, facts)
    first = operands[0]
    data = any(fact.data for fact in operands)
    whole = Fact(first.whole().low, first.whole().high, first.finite, data)
    moved = _elementwise(node, first, operands[1:])
    if moved is None:
        return [whole for _ in node.outputs()]
    return [Fact(*moved, first.finite, data)]


def concat(node: Any, facts: Facts) -> Fact:
    operands = inputs_of(node, facts)
    shapes = [static_shape(node.input(index)) for index in range(len(operands))]
    size = sum(int(np.prod(shape)) if shape is not None else MAX_EXACT_ELEMENTS + 1 for shape in shapes)
    if size > MAX_EXACT_ELEMENTS:
        return joined(operands)
    axis = int(node.get_attributes()["axis"])
    low, high = (
        np.concatenate([np.broadcast_to(bound, shape or ()) for bound, shape in zip(bounds, shapes, strict=True)], axis)
        for bounds in ([fact.low for fact in operands], [fact.high for fact in operands])
    )
    return Fact(low, high, all(fact.finite for fact in operands), any(fact.data for fact in operands))


def _elementwise(node: Any, first: Fact, others: Sequence[Fact]) -> tuple[Bounds, Bounds] | None:
    mover = MOVES[node.get_type_name()]
    shape, moved = static_shape(node.input(0)), static_shape(node.output(0))
    if mover is None or shape is None or moved is None or node.get_output_size() != 1:
        return None
    if max(np.prod(shape), np.prod(moved)) > MAX_EXACT_ELEMENTS or not all(fact.exact for fact in others):
        return None
    try:
        low, high = (mover(node, np.broadcast_to(one, shape), others).reshape(moved) for one in (first.low, first.high))
    except (IndexError, ValueError):  # a position is out of range, which the checks of known shapes report
        return None
    return low, high


def _as_they_are(node: Any, values: Bounds, others: Sequence[Fact]) -> Bounds:
    return values


def _transpose(node: Any, values: Bounds, others: Sequence[Fact]) -> Bounds:
    return np.transpose(values, others[0].low.astype(int).ravel())


def _gather(node: Any, values: Bounds, others: Sequence[Fact]) -> Bounds:
    indices, axis = others[0].low.astype(int), int(others[1].low.reshape(()))
    return np.take(values, indices, axis, mode="clip")


def _strided_slice(node: Any, values: Bounds, others: Sequence[Fact]) -> Bounds:
    begin, end = others[0].low.astype(int).ravel(), others[1].low.astype(int).ravel()
    steps = others[2].low.astype(int).ravel() if len(others) > 2 else np.ones_like(begin)
    sliced: Bounds = values[strided_index(node.get_attributes(), begin, end, steps)]
    return sliced


def _masked(attributes: Mapping[str, Sequence[int]], name: str, position: int) -> bool:
    mask = attributes[name]
    return position < len(mask) and bool(mask[position])


def strided_index(
    attributes: Mapping[str, Sequence[int]], begin: Iterable[int], end: Iterable[int], steps: Iterable[int]
) -> tuple[Any, ...]:
    """Returns numpy's index for OpenVINO's StridedSlice, whose masks are the same as TensorFlow's."""

    index: list[Any] = []
    for position, (first, last, step) in enumerate(zip(begin, end, steps, strict=True)):
        if _masked(attributes, "ellipsis_mask", position):
            index.append(Ellipsis)
        elif _masked(attributes, "new_axis_mask", position):
            index.append(None)
        elif _masked(attributes, "shrink_axis_mask", position):
            index.append(int(first))
        else:
            low = None if _masked(attributes, "begin_mask", position) else int(first)
            high = None if _masked(attributes, "end_mask", position) else int(last)
            index.append(slice(low, high, int(step)))
    return tuple(index)


def _slice(node: Any, values: Bounds, others: Sequence[Fact]) -> Bounds:
    start, stop, step = (fact.low.astype(int).ravel() for fact in others[:3])
    axes = others[3].low.astype(int).ravel() if len(others) > 3 else np.arange(len(start))
    index = [slice(None)] * values.ndim
    for axis, first, last, by in zip(axes, start, stop, step, strict=True):
        index[axis] = slice(int(first), int(last), int(by))
    return values[tuple(index)]


def _broadcast(node: Any, values: Bounds, others: Sequence[Fact]) -> Bounds:
    shape = static_shape(node.output(0))
    assert shape is not None
    return np.broadcast_to(values, shape)


def _tile(node: Any, values: Bounds, others: Sequence[Fact]) -> Bounds:
    return np.tile(values, others[0].low.astype(int).ravel())


# For an operation with None, the elements' new positions are not tracked. It keeps only the common bounds.
MOVES: Mapping[str, Mover | None] = {
    "BatchToSpace": None,
    "Broadcast": _broadcast,
    "DepthToSpace": None,
    "Gather": _gather,
    "GatherElements": None,
    "GatherND": None,
    "Reshape": _as_they_are,
    "ReverseSequence": None,
    "Roll": None,
    "Slice": _slice,
    "SpaceToDepth": None,
    "Split": None,
    "Squeeze": _as_they_are,
    "StridedSlice": _strided_slice,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _as_they_are,
    "VariadicSplit": None,
}


def strided_axes(attributes: Mapping[str, Sequence[int]], positions: int, rank: int) -> dict[int, int]:
    """Returns the input's dimension for each position of a StridedSlice that selects one element.

    Positions that only slice are left out.
    """

    kinds = [
        "rest"
        if _masked(attributes, "ellipsis_mask", i)
        else "new"
        if _masked(attributes, "new_axis_mask", i)
        else "axis"
        for i in range(positions)
    ]
    skipped = rank - kinds.count("axis")
    axes, axis = {}, 0
    for position, kind in enumerate(kinds):
        if kind == "axis" and _masked(attributes, "shrink_axis_mask", position):
            axes[position] = axis
        axis += {"axis": 1, "new": 0, "rest": skipped}[kind]
    return axes
