"""Rewrites reductions that OpenVINO would compute wrongly together with the operation behind them.

OpenVINO's CPU plug-in computes a reduction and what follows it in one step. If the first or the last of three
dimensions is reduced, and there is a constant for each element of the dimension in the middle, every element gets the
first one. If a reduction is followed by a transpose that only moves dimensions of 1, OpenVINO loses the transpose.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lightship.engines.openvino.replacing import replace_node
from lightship.engines.openvino.runtime import openvino

# The functions that make the reductions of TensorFlow's models.
_MAKERS = {
    "ReduceL2": "reduce_l2",
    "ReduceLogicalAnd": "reduce_logical_and",
    "ReduceLogicalOr": "reduce_logical_or",
    "ReduceMax": "reduce_max",
    "ReduceMean": "reduce_mean",
    "ReduceMin": "reduce_min",
    "ReduceProd": "reduce_prod",
    "ReduceSum": "reduce_sum",
}
_RESHAPES = frozenset({"Reshape", "Squeeze", "Unsqueeze"})


def rewrite_reductions(model: Any) -> None:
    """Changes a model so that OpenVINO computes its reductions rightly. Not within loops and branches."""
    ordered = list(model.get_ordered_ops())
    threes = [node for node in ordered if node.get_type_name() in _MAKERS and _ends_of_three(node)]
    constants = _constant_nodes(ordered) if threes else frozenset()
    for node in threes:
        if any(_constants_behind(node, constants)):
            _reduce_four_dimensions(node)
    for node in ordered:
        if node.get_type_name() == "Transpose" and _reduces(node):
            _reshape_instead(node)
        elif node.get_type_name() in _MAKERS:
            _reduce_before_transpose(node)


def _ends_of_three(node: Any) -> bool:
    """Returns whether a node reduces the first or the last of three dimensions, and only that one."""
    rank, axes = node.get_input_partial_shape(0).rank, node.input(1).get_source_output().get_node()
    if rank.is_dynamic or rank.get_length() != 3 or axes.get_type_name() != "Constant":
        return False
    return bool(axes.data.size == 1 and int(axes.data.item()) % 3 in (0, 2))


def _constant_nodes(ordered: list[Any]) -> frozenset[str]:
    """Returns the names of the nodes that are computed from constants only."""
    found: set[str] = set()
    for node in ordered:
        sources = [one.get_source_output().get_node().get_name() for one in node.inputs()]
        if node.get_type_name() == "Constant" or (sources and found.issuperset(sources)):
            found.add(node.get_name())
    return frozenset(found)


def _constants_behind(node: Any, constants: frozenset[str]) -> Iterator[bool]:
    """Yields True for an operation behind the node that has a constant with several elements beside the node's result.

    Operations between them that only have constants as other operands are passed.
    """
    for reader in node.output(0).get_target_inputs():
        after = reader.get_node()
        others = [one.get_source_output() for one in after.inputs() if one.get_index() != reader.get_index()]
        if after.get_output_size() != 1 or not all(one.get_node().get_name() in constants for one in others):
            continue
        if after.get_type_name() not in _RESHAPES and any(_elements(one) > 1 for one in others):
            yield True
        yield from _constants_behind(after, constants)


def _elements(output: Any) -> int:
    shape = output.get_partial_shape()
    return int(np.prod(shape.to_shape())) if shape.is_static else 2


def _reduce_four_dimensions(node: Any) -> None:
    """Adds a fourth dimension of 1, and reduces that too."""
    opset = openvino().opset13
    axis = int(node.input(1).get_source_output().get_node().data.item()) % 3
    wider = opset.unsqueeze(node.input(0).get_source_output(), opset.constant(np.array([3])))
    made = getattr(opset, _MAKERS[node.get_type_name()])(wider, opset.constant(np.array([axis, 3])), False)
    if node.get_attributes()["keep_dims"]:
        made = opset.unsqueeze(made, opset.constant(np.array([axis])))
    replace_node(node, made)


def _reduces(transpose: Any) -> bool:
    """Returns whether a transpose gets the result of a reduction, also if that was reshaped."""
    source = transpose.input(0).get_source_output().get_node()
    while source.get_type_name() in _RESHAPES:
        source = source.input(0).get_source_output().get_node()
    return bool(source.get_type_name().startswith("Reduce"))


def _reshape_instead(transpose: Any) -> None:
    """Replaces a transpose that leaves the order of all dimensions but those of 1 as it is."""
    order, partial = _constant(transpose, 1), transpose.get_input_partial_shape(0)
    if order is not None and partial.rank.is_static:
        target = _moved(_sizes(partial), order)
        if target is not None:
            replace_node(transpose, openvino().opset13.reshape(transpose.input(0).get_source_output(), target, False))


def _reduce_before_transpose(node: Any) -> None:
    """Reduces what a transpose gets, where the transpose of the result only moves dimensions of 1."""
    source = node.input(0).get_source_output().get_node()
    if source.get_type_name() != "Transpose" or node.get_attributes()["keep_dims"]:
        return
    order, axes, partial = _constant(source, 1), _constant(node, 1), source.get_input_partial_shape(0)
    if order is None or axes is None or partial.rank.is_dynamic:
        return
    reduced = {order[axis] for axis in axes}
    left = [axis for axis in range(len(order)) if axis not in reduced]
    sizes = _sizes(partial)
    target = _moved([sizes[axis] for axis in left], [left.index(axis) for axis in order if axis not in reduced])
    if target is not None:
        opset = openvino().opset13
        made = getattr(opset, _MAKERS[node.get_type_name()])(
            source.input(0).get_source_output(), opset.constant(np.array(sorted(reduced))), False
        )
        replace_node(node, opset.reshape(made, target, False))


def _constant(node: Any, operand: int) -> list[int] | None:
    source = node.input(operand).get_source_output().get_node()
    return [int(one) for one in source.data.ravel()] if source.get_type_name() == "Constant" else None


def _sizes(partial: Any) -> list[int]:
    return [dim.get_length() if dim.is_static else -1 for dim in partial]


def _moved(sizes: list[int], order: list[int]) -> Any | None:
    """Returns the shape after a transpose, as a constant, if it is one that only moves dimensions of 1; else None."""
    kept = [axis for axis in order if sizes[axis] != 1]
    if kept != sorted(kept) or order == sorted(order) or sizes.count(-1) > 1:
        return None
    return openvino().opset13.constant(np.array([sizes[axis] for axis in order], np.int64))
