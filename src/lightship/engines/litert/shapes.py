"""Finds shapes with which operations of LiteRT end the process, or read memory that is not theirs.

Such are tensors without elements, windows that are larger than the image, and operands of different sizes. Shapes that
follow from those of a request are known when the tensors are allocated: `ShapeChecks` looks at them before the run.
Shapes that depend on values are known only during the run: `check_late_shapes` refuses files in which they can do harm.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from lightship.engines.litert.operations import known_before_values, operands, refusal
from lightship.saved_model.tflite import Operator, Subgraph, TfliteModel

# Dimensions and indices.
Picks = Sequence[tuple[int, int | None]]

# The operands that say which shape an output has.
_SHAPED_BY: Mapping[str, tuple[int, ...]] = {
    "BATCH_TO_SPACE_ND": (1, 2),
    "BROADCAST_TO": (1,),
    "CONV_3D_TRANSPOSE": (0,),
    "EXPAND_DIMS": (1,),
    "FILL": (0,),
    "MIRROR_PAD": (1,),
    "ONE_HOT": (1,),
    "PAD": (1,),
    "PADV2": (1,),
    "RANGE": (0, 1, 2),
    "RESHAPE": (1,),
    "RESIZE_BILINEAR": (1,),
    "RESIZE_NEAREST_NEIGHBOR": (1,),
    "SCATTER_ND": (2,),
    "SLICE": (1, 2),
    "SPACE_TO_BATCH_ND": (1, 2),
    "SPLIT_V": (1,),
    "STRIDED_SLICE": (1, 2, 3),
    "TILE": (1,),
    "TOPK_V2": (1,),
    "TRANSPOSE_CONV": (0,),
}
# How large their outputs are depends on values, or on what other graphs do.
_LATE: Final = frozenset({"IF", "UNIQUE", "WHERE", "WHILE"})
_SLICES: Final = frozenset({"SLICE", "SPLIT_V", "STRIDED_SLICE"})
# The dimensions of the first operand that must not be 0; None for any of them.
_FRAGILE: Mapping[str, tuple[int, ...] | None] = {
    "LOG_SOFTMAX": (-1,),
    "RESIZE_BILINEAR": (1, 2),
    "RESIZE_NEAREST_NEIGHBOR": (1, 2),
    "REVERSE_V2": None,
    "SOFTMAX": (-1,),
}
_MAX_RANK: Final = 32
# They read their operands as if these had the same sizes.
_SAME_SIZES: Final = frozenset({"ATAN2"})


class ShapeChecks:
    """What has to be looked at when the tensors of a graph are allocated, before it runs."""

    def __init__(self, model: TfliteModel, subgraph: int) -> None:
        """Graphs that this one calls are not looked at: their shapes may change with each turn of a loop."""
        self._tensors, self._operators = _looked_at(model.subgraphs[subgraph])

    def fault(self, shape_of: Callable[[int], tuple[int, ...]]) -> str | None:
        """Says which operation cannot run with the shapes that the tensors have, or returns None if all can.

        `shape_of` returns the shape of a tensor, by its index.
        """
        shapes = {index: shape_of(index) for index in self._tensors}
        for index, shape in shapes.items():
            if 0 in shape:
                return f"its {self._tensors[index]} would have a tensor of shape {list(shape)}, without elements"
        for one, picks in self._operators:
            if fault := _misfit(one, picks, [shapes.get(index, ()) for index in one.inputs]):
                return fault
        return None


def _looked_at(graph: Subgraph) -> tuple[Mapping[int, str], Sequence[tuple[Operator, Picks]]]:
    """Returns the tensors whose shapes are known before a run, with their operations, and the operations to look at."""
    compared = {index for one in graph.operators if one.name in _SAME_SIZES for index in one.inputs}
    skipped = known_before_values(graph) - compared | _late(graph)
    tensors = {
        index: one.name for one in graph.operators for index in (*one.inputs, *one.outputs) if index not in skipped
    }
    tensors.pop(-1, None)
    operators = [(one, _picks(one, graph)) for one in graph.operators]
    return tensors, [(one, picks) for one, picks in operators if picks or one.window or one.name in _SAME_SIZES]


def _misfit(one: Operator, picks: Picks, shapes: Sequence[Sequence[int]]) -> str | None:
    if one.window and len(shapes[0]) == 4:
        height, width = shapes[0][1:3]
        if height < one.window[0] or width < one.window[1]:
            window = "x".join(map(str, one.window))
            return f"the window of its {one.name} is {window}, which is larger than the image of {height}x{width}"
    for axis, index in picks:
        if shapes[0] and index is not None and not -shapes[0][axis] <= index < shapes[0][axis]:
            return f"its {one.name} takes the element {index} of a dimension of {shapes[0][axis]}"
    if one.name in _SAME_SIZES and len(set(shapes)) > 1:
        return f"the operands of its {one.name} have different shapes: {', '.join(str(list(one)) for one in shapes)}"
    return None


def check_late_shapes(model: TfliteModel, allowed: Collection[str] = ()) -> None:
    """Raises CannotRun for an operation that may get a shape with which it ends the process, if values decide that.

    allowed: operations that may run anyway.
    """
    all_late = _late_tensors(model)
    every = zip(model.subgraphs, all_late, _hollow_tensors(model, all_late), strict=True)
    for graph, late, hollow in every:
        known = known_before_values(graph)
        for one in graph.operators:
            if one.name in allowed or one.custom:
                continue
            if one.name in _SAME_SIZES and not late.isdisjoint(one.inputs):
                raise refusal(one.name, "does not compare the sizes of its operands, which depend on values")
            if one.inputs and one.inputs[0] in hollow and _is_fragile(one, graph):
                raise refusal(one.name, "may get a tensor without elements, which depends on values")
            _check_picks(one, graph, known, hollow, late)


def _check_picks(
    one: Operator, graph: Subgraph, known: Collection[int], hollow: Collection[int], late: Collection[int]
) -> None:
    """Raises CannotRun if elements are taken where there may be none: LiteRT reads whatever is there."""
    if one.name == "STRIDED_SLICE" and one.inputs and graph.tensors[one.inputs[0]].shape is None:
        raise refusal(one.name, "does not compare its operands with the number of dimensions, which may vary")
    picks = _picks(one, graph)
    if picks and one.inputs[1] not in known:
        raise refusal(one.name, "does not check which element it takes, which depends on the request")
    # The sizes of other tensors are looked at before each run.
    unseen = picks and (one.inputs[0] in late or one.inputs[0] in known)
    shape = graph.tensors[one.inputs[0]].shape if unseen else ()
    for axis, index in picks:
        free = shape is None or -1 in shape[axis : axis + 1]
        if free and (one.inputs[0] in hollow or index not in (0, -1)):
            raise refusal(one.name, "takes an element that may not be there, which depends on values")


def _picks(one: Operator, graph: Subgraph) -> Picks:
    """Returns the dimensions of which STRIDED_SLICE takes a single element, with its index; None if it is computed."""
    masks = one.masks
    if masks is None or not masks.picked or len(one.inputs) < 2:
        return []
    source, begins = (graph.tensors[index] for index in one.inputs[:2])
    count = len(begins.numbers) if begins.numbers else (begins.shape or (0,))[0]
    if source.shape is None or not 0 < count <= _MAX_RANK:
        return [(0, None)]
    picks, axis = [], 0
    for position in range(count):
        if _bit(masks.ellipsis, position):
            axis += len(source.shape) - sum(not _bit(masks.new_axis, other) for other in range(count)) + 1
        elif not _bit(masks.new_axis, position):
            if _bit(masks.picked, position) and axis < len(source.shape):
                picks.append((axis, None if begins.numbers is None else begins.numbers[position]))
            axis += 1
    return picks


def _is_fragile(one: Operator, graph: Subgraph) -> bool:
    """Returns whether an operation ends the process if its first operand has no elements."""
    if one.name not in _FRAGILE:
        return False
    shape = graph.tensors[one.inputs[0]].shape
    axes = _FRAGILE[one.name]
    return shape is None or axes is None or any(len(shape) <= axis or shape[axis] == -1 for axis in axes if shape)


def _late(graph: Subgraph, *, called: bool = False) -> set[int]:
    """Returns the tensors whose shapes are known only when the graph runs. `called`: whether another graph calls it."""
    constant = {-1, *(index for index, tensor in enumerate(graph.tensors) if tensor.constant)}
    late = set(graph.inputs) if called else set[int]()
    for one in graph.operators:
        shaping = operands(one, _SHAPED_BY.get(one.name, ()))
        if one.name in _LATE or not constant.issuperset(shaping) or not late.isdisjoint(one.inputs):
            late.update(one.outputs)
    return late


def _late_tensors(model: TfliteModel) -> list[set[int]]:
    """Returns the tensors of each graph whose shapes are known only when it runs."""
    called = {index for graph in model.subgraphs for one in graph.operators for index in one.calls}
    return [_late(graph, called=index in called) for index, graph in enumerate(model.subgraphs)]


def _hollow_tensors(model: TfliteModel, late: Sequence[Collection[int]]) -> list[set[int]]:
    """Returns the tensors of each graph that may have no elements although all inputs of a request have some.

    late: the tensors of each graph whose shapes are known only when it runs.
    """
    entered = set[int]()  # graphs that are called with such tensors, or make them and so get them in the next turn
    makers = set[int]()
    while True:
        found = [_hollow(model, index, late[index], makers, entered) for index in range(len(model.subgraphs))]
        made = {index for index, hollow in enumerate(found) if hollow and index not in entered}
        called = {
            one
            for graph, hollow in zip(model.subgraphs, found, strict=True)
            for operator in graph.operators
            for one in operator.calls
            if one in makers | made or not hollow.isdisjoint(operator.inputs)
        }
        if made <= makers and called <= entered:
            return found
        makers |= made
        entered |= called


def _hollow(
    model: TfliteModel, index: int, late: Collection[int], makers: Collection[int], entered: Collection[int]
) -> set[int]:
    """Returns the tensors of a graph that may have no elements."""
    graph = model.subgraphs[index]
    hollow = set(graph.inputs) if index in entered else set[int]()
    for one in graph.operators:
        if one.name in ("SHAPE", "RANK"):
            continue
        cut = one.name in _SLICES and any(tensor in late for tensor in (*one.inputs[:1], *one.outputs))
        inside = any(called in makers for called in one.calls)
        if one.name == "WHERE" or (cut and _cuts(one, graph)) or inside or not hollow.isdisjoint(one.inputs):
            hollow.update(one.outputs)
    return hollow


def _cuts(one: Operator, graph: Subgraph) -> bool:
    """Returns whether a slice is taken along a dimension of which the size is not fixed."""
    shape, masks = graph.tensors[one.inputs[0]].shape, one.masks
    if shape is None or masks is None or masks.ellipsis or masks.new_axis:
        return True
    uncut = masks.begin & masks.end | masks.picked
    return any(size == -1 and not _bit(uncut, axis) for axis, size in enumerate(shape))


def _bit(mask: int, position: int) -> bool:
    return bool(mask >> position & 1)
