"""Reads operations that OpenVINO would otherwise read or compute wrongly.

OpenVINO moves transposes past other operations while it reads a graph. It moves them past a log-softmax as if that
worked element by element, and past a tile with the repeats in the wrong order. So these two operations are read between
fences: shifts by no element, past which nothing is moved. They are removed from what was read.

Where sizes are known only at run time, OpenVINO's CPU plug-in repeats tensors of four and more dimensions wrongly, such
as the output of a pooling. They are repeated by concatenations instead.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import cache
from typing import Any

from lightship.engines.base import CannotRun
from lightship.engines.openvino.loops import is_loop
from lightship.engines.openvino.runtime import core, openvino

# With fewer dimensions, the plug-in's tile is right.
_MANY_DIMENSIONS = 4


@cache
def reader() -> Any:
    """Returns the `openvino.Core` of this process, which reads log-softmax and tile as said above.

    What it reads has to be given to `finish_conversions`. A server that only imports compiled models does not need it:
    it loads the library that reads TensorFlow's graphs.
    """
    operations = openvino().opset13
    # Imported only now, and after `openvino`, so that its telemetry stays out.
    extension = importlib.import_module("openvino.frontend.tensorflow").ConversionExtension

    def log_softmax(node: Any) -> list[Any]:
        return [_fenced(operations.log_softmax(_fenced(node.get_input(0)), -1).output(0))]

    def tile(node: Any) -> list[Any]:
        return [_fenced(operations.tile(_fenced(node.get_input(0)), node.get_input(1)).output(0))]

    core().add_extension([extension("LogSoftmax", log_softmax), extension("Tile", tile)])
    return core()


def _fenced(output: Any) -> Any:
    """Returns the same tensor behind a shift by no element. A scalar has nothing to shift, and no transposes."""
    rank, operations = output.get_partial_shape().rank, openvino().opset13
    if rank.is_static and rank.get_length() == 0:
        return output
    return operations.roll(output, operations.constant([0]), operations.constant([-1])).output(0)


def finish_conversions(model: Any) -> None:
    """Removes the fences that `reader` has added, and replaces tiles that would be computed wrongly.

    Raises CannotRun for a tile that cannot be replaced because its repeats are not known before a run.
    """
    for node in list(_nodes(model)):
        kind = node.get_type_name()
        if kind == "Roll" and _shifts_nothing(node):
            _replace(node, node.input(0).get_source_output())
        elif kind == "Tile" and _dimensions(node) >= _MANY_DIMENSIONS:
            _replace(node, _repeated(node))


def _nodes(model: Any) -> Iterator[Any]:
    for node in model.get_ordered_ops():
        yield node
        if is_loop(node):
            yield from _nodes(node.get_function())


def _shifts_nothing(node: Any) -> bool:
    shift = node.input(1).get_source_output().get_node()
    return bool(shift.get_type_name() == "Constant" and not shift.data.any())


def _dimensions(tile: Any) -> int:
    rank, repeats = tile.get_output_partial_shape(0).rank, tile.get_input_partial_shape(1)
    if rank.is_static:
        return int(rank.get_length())
    return int(repeats[0].get_length()) if repeats.is_static else _MANY_DIMENSIONS


def _repeated(tile: Any) -> Any:
    found, repeats = tile.input(0).get_source_output(), tile.input(1).get_source_output().get_node()
    if repeats.get_type_name() != "Constant":
        if _dimensions(tile) == _MANY_DIMENSIONS:
            return tile.output(0)  # the plug-in does not divide it into several tiles, and is right
        raise CannotRun(
            "OpenVINO may repeat a tensor of five or more dimensions wrongly if the repeats are not constants "
            f"({tile.get_friendly_name()})"
        )
    if not repeats.data.all():
        return tile.output(0)  # it is refused, because it has no elements
    for axis, times in enumerate(repeats.data.ravel().tolist()):
        found = _along(found, axis, times)
    return found


def _along(output: Any, axis: int, times: int) -> Any:
    """Returns a tensor `times` times along an axis, by concatenations of halves."""
    if times == 1:
        return output
    half = _along(output, axis, times // 2)
    parts = [half, half, output] if times % 2 else [half, half]
    return openvino().opset13.concat(parts, axis).output(0)


def _replace(node: Any, output: Any) -> None:
    if output.get_node().get_name() == node.get_name():
        return
    names, label = node.output(0).get_names(), node.get_friendly_name()
    node.output(0).replace(output)
    output.get_tensor().add_names(names)
    if output.get_node().get_type_name() not in ("Constant", "Parameter"):
        output.get_node().set_friendly_name(label)
