"""Finds where a client's values could do harm in an ONNX graph, and adds guards of indices to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lightship.engines.onnxruntime.files import IndexGuard
from lightship.packaging.onnx.not_convertible import NotConvertible
from lightship.packaging.onnx.operations import ALLOWED, CASTS, DIVISIONS, LOOK_UPS, OF_SHAPES

_FLOATS = frozenset({TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16})


class _Known(NamedTuple):
    """What is known of the tensors of a graph, by their names."""

    constants: Mapping[str, Any]
    types: Mapping[str, int]
    # None for an unknown size.
    shapes: Mapping[str, tuple[int | None, ...]]


def add_guards(model: Any) -> tuple[IndexGuard, ...]:
    """Checks a model, and makes outputs of the indices that come from a client's values.

    Raises NotConvertible for an operation of TensorFlow that tf2onnx does not know, and for one that is not known to be
    harmless with a client's values.
    """
    graph = model.graph
    foreign = next((node for node in graph.node if node.domain not in ("", "ai.onnx")), None)
    if foreign is not None:
        raise NotConvertible(f"the operation {foreign.op_type} of {foreign.domain} is not known to be harmless")
    left = next((node for node in graph.node if not onnx.defs.has(node.op_type)), None)
    if left is not None:
        raise NotConvertible(f"tf2onnx does not convert the operation {left.op_type} ({left.name})")
    known, reached = _known(model), {one.name for one in graph.input}
    guards: dict[tuple[str, int], IndexGuard] = {}
    for node in graph.node:
        touched = {position for position, name in enumerate(node.input) if name in reached}
        if not touched:
            continue
        if node.op_type in LOOK_UPS and 1 in touched:
            size = _indexed(node, known)
            guards.setdefault((node.input[1], size), IndexGuard(f"lightship_indices_{len(guards)}", size))
        else:
            _refuse_hazard(node, touched, known)
        if node.op_type not in OF_SHAPES:
            reached.update(node.output)
    for (indices, _), guard in guards.items():
        graph.node.append(helper.make_node("Cast", [indices], [guard.output], to=TensorProto.INT64))
        graph.output.append(helper.make_tensor_value_info(guard.output, TensorProto.INT64, None))
    return tuple(guards.values())


def _refuse_hazard(node: Any, touched: set[int], known: _Known) -> None:
    kind = node.op_type
    if kind in LOOK_UPS:
        return
    if kind in DIVISIONS:
        _refuse_division(node, known)
    elif kind in CASTS:
        _refuse_cast(node, known)
    elif kind not in ALLOWED:
        raise NotConvertible(f"the operation {kind} ({node.name}) is not known to be harmless with a client's values")
    elif touched & ALLOWED[kind]:
        raise NotConvertible(f"the operation {kind} ({node.name}) takes a size from a client's values")


def _refuse_division(node: Any, known: _Known) -> None:
    """Integers may be divided by constants only: onnxruntime ends the process if the least one is divided by -1."""
    if known.types.get(node.input[0]) in _FLOATS:
        return
    divisor = known.constants.get(node.input[1])
    if divisor is None or np.isin(divisor, (0, -1)).any():
        raise NotConvertible(
            f"the operation {node.op_type} ({node.name}) divides integers by a client's values, by 0 or by -1"
        )


def _refuse_cast(node: Any, known: _Known) -> None:
    """Floats that an integer type does not hold become other integers on a GPU than on the CPU."""
    to = next((one.i for one in node.attribute if one.name == "to"), known.types.get(node.input[-1]))
    if known.types.get(node.input[0]) in (*_FLOATS, None) and to not in (*_FLOATS, TensorProto.BOOL):
        raise NotConvertible(f"the operation {node.op_type} ({node.name}) makes integers of a client's floats")


def _indexed(node: Any, known: _Known) -> int:
    """Returns the size of the dimension that Gather indexes."""
    axis = next((one.i for one in node.attribute if one.name == "axis"), 0)
    shape = known.shapes.get(node.input[0], ())
    size = shape[axis] if -len(shape) <= axis < len(shape) else None
    if size is None:
        raise NotConvertible(f"the operation Gather ({node.name}) indexes a tensor whose size is not fixed")
    return size


def _known(model: Any) -> _Known:
    graph = onnx.shape_inference.infer_shapes(model).graph
    constants = dict(_constants(graph))
    types, shapes = {}, {}
    for one in (*graph.input, *graph.value_info, *graph.output):
        tensor = one.type.tensor_type
        types[one.name] = tensor.elem_type
        if tensor.HasField("shape"):
            sizes = tensor.shape.dim
            shapes[one.name] = tuple(size.dim_value if size.HasField("dim_value") else None for size in sizes)
    for tensor in graph.initializer:
        types[tensor.name], shapes[tensor.name] = tensor.data_type, tuple(tensor.dims)
    return _Known(constants, types, shapes)


def _constants(graph: Any) -> Iterator[tuple[str, Any]]:
    for tensor in graph.initializer:
        yield tensor.name, numpy_helper.to_array(tensor)
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            yield node.output[0], numpy_helper.to_array(node.attribute[0].t)
