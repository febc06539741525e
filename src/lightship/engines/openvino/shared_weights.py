"""Gives weights that a model uses in several ways a copy for each way.

OpenVINO's CPU plug-in keeps weights in the layout that an operation computes with, and finds them again by their
address and that layout, but not by how they were read. So of two products with the same square matrix, one of them with
its transpose, the second one would compute with the matrix of the first.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lightship.engines.base import CannotRun
from lightship.engines.openvino.runtime import openvino

# The operations whose constant operands the plug-in brings into another layout.
_WEIGHTED = frozenset(
    {"Convolution", "ConvolutionBackpropData", "Einsum", "GroupConvolution", "GroupConvolutionBackpropData", "MatMul"}
)
# What may stand between weights and such an operation, on the way of its first operand.
_CHANGES = frozenset({"Convert", "FakeQuantize", "Multiply", "Reshape", "Subtract", "Transpose"})


class _Use(NamedTuple):
    """An operation's operand that comes from a constant."""

    constant: Any
    # The input that takes the constant, of the operation itself or of the first of the changes before it.
    taken_by: Any
    # How the operation reads the weights; two uses that read them in the same way may share them.
    way: tuple[object, ...]
    # Whether one of the changes has other readers too.
    change_is_shared: bool


def copy_shared_weights(model: Any) -> None:
    """Changes a model so that weights that are read in several ways are several constants.

    Weights that are read in the same way, as by a layer that is used twice, stay shared. Not within loops and branches.
    Raises CannotRun for weights that cannot be copied: they are changed before several operations read them, or numpy
    does not have their type.
    """
    ways: dict[int, tuple[object, ...]] = {}
    for use in _uses(model):
        if ways.setdefault(_address(use.constant), use.way) == use.way:
            continue
        copy = openvino().opset13.constant(np.array(use.constant.data))
        if use.change_is_shared or copy.get_element_type() != use.constant.get_element_type():
            raise CannotRun(
                f"OpenVINO would mistake weights that are used in two ways ({use.constant.get_friendly_name()})"
            )
        use.taken_by.replace_source_output(copy.output(0))


def _uses(model: Any) -> list[_Use]:
    nodes = [node for node in model.get_ordered_ops() if node.get_type_name() in _WEIGHTED]
    found = (_use(node, index) for node in nodes for index in range(node.get_input_size()))
    return [use for use in found if use is not None]


def _use(node: Any, index: int) -> _Use | None:
    taken_by, changes, shared = node.input(index), [], False
    source = taken_by.get_source_output()
    while (change := source.get_node()).get_type_name() in _CHANGES and _only_changes_its_first(change):
        changes.append((change.get_type_name(), str(source.get_partial_shape())))
        shared = shared or len(source.get_target_inputs()) > 1
        taken_by = change.input(0)
        source = taken_by.get_source_output()
    constant = source.get_node()
    if constant.get_type_name() != "Constant" or len(source.get_shape()) < 2:
        return None
    read = (node.get_type_name(), str(node.get_attributes()), index)
    way = (read, tuple(source.get_shape()), tuple(changes))
    return _Use(constant, taken_by, way, shared)


def _only_changes_its_first(change: Any) -> bool:
    """Returns whether all operands but the first are constants, so that weights stay constant."""
    return all(_is_constant(one.get_source_output().get_node()) for one in change.inputs()[1:])


def _is_constant(node: Any) -> bool:
    if node.get_type_name() == "Convert":
        node = node.input(0).get_source_output().get_node()
    return bool(node.get_type_name() == "Constant")


def _address(constant: Any) -> int:
    """Returns where the numbers are. Two constants may share them: a matrix, and the same in another shape."""
    return int(constant.data.__array_interface__["data"][0])
