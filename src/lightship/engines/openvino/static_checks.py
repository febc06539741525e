"""Checks of known shapes: finds operations that TensorFlow would refuse or whose results have no elements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lightship.engines.openvino.facts import Facts, static_shape
from lightship.engines.openvino.moves import strided_axes


def static_hazard(node: Any, facts: Facts, *, empty: bool = False) -> str | None:
    """Returns why a node must not run with the shapes that are known, or None if it may run.

    `empty` allows tensors without elements.
    """
    for output in node.outputs() if node.get_type_name() != "Constant" and not empty else ():  # a constant may be
        partial = output.get_partial_shape()
        if partial.rank.is_static and any(dim.is_static and dim.get_length() == 0 for dim in partial):
            return f"a tensor has no elements ({node.get_friendly_name()})"
    if empty and node.get_type_name() == "Broadcast" and facts.of_input(node, 1).least >= 0:
        return None  # a fill for as many rows as there are
    check = _CHECKS.get(node.get_type_name())
    found = check(node, facts) if check is not None else None
    return f"{found} ({node.get_friendly_name()})" if found else None


def unknown_position(node: Any, facts: Facts) -> str | None:
    """Returns an error if a position or size is unknown although the shapes of all inputs are known."""
    for index in _POSITIONS.get(node.get_type_name(), ()):
        if index < node.get_input_size() and not facts.of_input(node, index).exact:
            return f"a position or size is not known before the run ({node.get_friendly_name()})"
    return None


def _matmul(node: Any, facts: Facts) -> str | None:
    ranks = [node.get_input_partial_shape(index).rank for index in range(2)]
    if any(rank.is_static and rank.get_length() < 2 for rank in ranks):
        return "a matrix product of tensors of a rank below 2"
    return None


def _gather(node: Any, facts: Facts) -> str | None:
    if node.get_attributes()["batch_dims"]:
        return "gather with batch dimensions"
    indices, axis, shape = facts.of_input(node, 1), facts.of_input(node, 2), static_shape(node.input(0))
    if shape is None or not axis.exact or indices.data:
        return None
    size = shape[int(axis.low.reshape(()))]
    if indices.exact and not indices.within(-size, size - 1):
        return f"an index is outside of a dimension of {size}"
    return None


def _gather_nd(node: Any, facts: Facts) -> str | None:
    if node.get_attributes().get("batch_dims"):
        return "gather_nd with batch dimensions"
    return None if facts.of_input(node, 1).data else "gather_nd with constant indices"


def _strided_slice(node: Any, facts: Facts) -> str | None:
    begin, partial = facts.of_input(node, 1), node.get_input_partial_shape(0)
    if partial.rank.is_dynamic or not begin.exact:
        return None
    positions = begin.low.astype(int).ravel()
    axes = strided_axes(node.get_attributes(), len(positions), partial.rank.get_length())
    for position, axis in axes.items():
        size = partial[axis].get_length() if partial[axis].is_static else None
        if size is not None and not -size <= positions[position] < size:
            return f"position {positions[position]} is outside of a dimension of {size}"
    return None


def _broadcast(node: Any, facts: Facts) -> str | None:
    target = facts.of_input(node, 1)
    return "a tensor is made with no elements" if target.exact and target.least < 1 else None


def _pad(node: Any, facts: Facts) -> str | None:
    begin, end = facts.of_input(node, 1), facts.of_input(node, 2)
    if begin.least < 0 or end.least < 0:
        return "a padding is negative"
    mode, shape = node.get_attributes()["pad_mode"], static_shape(node.input(0))
    if mode not in ("reflect", "symmetric") or shape is None or not (begin.exact and end.exact):
        return None
    spare = 1 if mode == "reflect" else 0
    widest = zip(begin.low.ravel(), end.low.ravel(), shape, strict=True)
    if any(max(first, last) > size - spare for first, last, size in widest):
        return "a padding is wider than the tensor"
    return None


def _cum_sum(node: Any, facts: Facts) -> str | None:
    rank = node.get_input_partial_shape(0).rank
    no_axis = rank.is_static and rank.get_length() == 0
    return "a cumulative sum of a scalar, which has no axis" if no_axis else None


def _tile(node: Any, facts: Facts) -> str | None:
    repeats = facts.of_input(node, 1)
    return "a tensor is repeated fewer than once" if repeats.exact and repeats.least < 1 else None


def _range(node: Any, facts: Facts) -> str | None:
    start, stop, step = (facts.of_input(node, index) for index in range(3))
    if not (start.exact and stop.exact and step.exact):
        return None
    first, last, by = (float(fact.low.reshape(())) for fact in (start, stop, step))
    if by == 0 or (last - first) / by <= 0:
        return "a range has no elements"
    return None


def _slice(node: Any, facts: Facts) -> str | None:
    start, stop, step = (facts.of_input(node, index) for index in range(1, 4))
    shape = static_shape(node.input(0))
    if shape is None or not (start.exact and stop.exact and step.exact):
        return None
    axes = facts.of_input(node, 4).low.astype(int).ravel() if node.get_input_size() > 4 else range(len(shape))
    for axis, first, last in zip(axes, start.low.ravel(), stop.low.ravel(), strict=True):
        if not 0 <= first <= shape[axis] or last > shape[axis]:
            return f"a slice reaches beyond a dimension of {shape[axis]}"
    return None


def _top_k(node: Any, facts: Facts) -> str | None:
    count, partial = facts.of_input(node, 1), node.get_input_partial_shape(0)
    if partial.rank.is_dynamic or not count.exact:
        return None
    dimension = partial[int(node.get_attributes()["axis"])]
    if dimension.is_static and count.most > dimension.get_length():
        return f"the {int(count.most)} largest of {dimension.get_length()}"
    return None


def _squeeze(node: Any, facts: Facts) -> str | None:
    partial = node.get_input_partial_shape(0)
    if partial.rank.is_dynamic or node.get_input_size() < 2 or not facts.of_input(node, 1).exact:
        return None
    for axis in facts.of_input(node, 1).low.astype(int).ravel():
        if partial[int(axis)].is_static and partial[int(axis)].get_length() != 1:
            return "a dimension that is to be removed is not 1"
    return None


def _einsum(node: Any, facts: Facts) -> str | None:
    """Checks the sizes of an einsum. OpenVINO repeats a dimension of 1; TensorFlow refuses a letter with two sizes."""
    operands = str(node.get_attributes()["equation"]).replace(" ", "").partition("->")[0].split(",")
    sizes: dict[str, int] = {}
    for index, letters in enumerate(operands):
        shape = static_shape(node.input(index))
        if shape is None:
            continue
        first, ellipsis, last = letters.partition("...")
        if len(first + last) > len(shape) or (not ellipsis and len(letters) != len(shape)):
            return f"a tensor of rank {len(shape)} has the letters {letters}"
        # Dimensions under an ellipsis may be repeated.
        named = zip(first + last, (*shape[: len(first)], *shape[len(shape) - len(last) :]), strict=True)
        for letter, size in named:
            if sizes.setdefault(letter, size) != size:
                return f"the dimension {letter} has the sizes {sizes[letter]} and {size}"
    return None


# Operands that must be known if the shapes of all inputs are known; otherwise the result cannot be checked.
_POSITIONS: Mapping[str, tuple[int, ...]] = {
    "Broadcast": (1,),
    "Pad": (1, 2),
    "Range": (0, 1, 2),
    "Slice": (1, 2, 3),
    "StridedSlice": (1, 2, 3),
    "Tile": (1,),
}

_CHECKS: Mapping[str, Callable[[Any, Facts], str | None]] = {
    "Broadcast": _broadcast,
    "CumSum": _cum_sum,
    "Einsum": _einsum,
    "Gather": _gather,
    "GatherND": _gather_nd,
    "MatMul": _matmul,
    "Pad": _pad,
    "Range": _range,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "StridedSlice": _strided_slice,
    "Tile": _tile,
    "TopK": _top_k,
}
