"""Adds guards to a graph: clamps that make operations safe, and outputs for the values that the server checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lightship.engines.base import CannotRun
from lightship.engines.openvino.facts import EXACT_INTEGER, source_of, static_shape
from lightship.engines.openvino.guards import Guard
from lightship.engines.openvino.known import CASTS
from lightship.engines.openvino.runtime import openvino
from lightship.engines.openvino.wanted import Wanted


def insert(model: Any, wanted: Sequence[Wanted], inputs: Mapping[str, str]) -> list[Guard]:
    """Adds guards to a model: clamps for indices that could be out of range, and outputs for the values to check.

    `inputs` maps the names of the model's parameter nodes to the signature's inputs. Raises CannotRun if a tensor is
    too large for its indices to be clamped.
    """
    guards = (_INSERT[one.kind](model, one, inputs) for one in wanted)
    # If two operations need the same check of the same values, it is made once.
    return list({(guard.kind, guard.input, guard.port, guard.sizes): guard for guard in guards}.values())


def _indices(model: Any, one: Wanted, inputs: Mapping[str, str]) -> Guard:
    node, size = one.node, _size(one.node)
    name = _input_behind(node.input(one.operand).get_source_output(), inputs)
    label = node.get_friendly_name()
    if size is not None and name is not None:
        return Guard("indices", label, input=name, sizes=(size,))
    indices = node.input(one.operand).get_source_output()
    wrapped = _input_behind(_before_wrapping(indices, size), inputs) if size is not None else None
    if size is not None and wrapped is not None:
        return Guard("indices", label, input=wrapped, sizes=(size,), wraps=True)
    axis = int(source_of(node, 2).data.reshape(()))
    opset = _opset()
    if size is not None:
        last = opset.constant(np.asarray(size - 1, _dtype(indices)))
        return Guard("indices", label, port=_clamped(model, node, one.operand, last), sizes=(size,))
    shape = opset.shape_of(node.input(0).get_source_output(), indices.get_element_type().get_type_name())
    one_less = opset.subtract(shape, opset.constant(np.asarray([1], _dtype(indices))))
    last = opset.gather(one_less, opset.constant(np.int32(axis)), opset.constant(np.int32(0)))
    port = _clamped(model, node, one.operand, last)
    return Guard("indices", label, port=port, shape_port=_exposed(model, shape.output(0)), axis=axis)


def _before_wrapping(output: Any, size: int) -> Any:
    """Returns the indices before `size` is added to negative ones, as in Keras' embeddings.

    If the indices are not computed in this manner, returns `output`.
    """
    node = output.get_node()
    if node.get_type_name() != "Select":
        return output
    sign, moved, as_they_are = (node.input(index).get_source_output() for index in range(3))
    is_sign = sign.get_node().get_type_name() == "Less" and moved.get_node().get_type_name() == "Add"
    if not is_sign or any(one.get_node().input(0).get_source_output() != as_they_are for one in (sign, moved)):
        return output
    zero, added = source_of(sign.get_node(), 1), source_of(moved.get_node(), 1)
    constants = all(one.get_type_name() == "Constant" and one.data.size == 1 for one in (zero, added))
    return as_they_are if constants and zero.data.item() == 0 and added.data.item() == size else output


def _positions(model: Any, one: Wanted, inputs: Mapping[str, str]) -> Guard:
    node, opset, label = one.node, _opset(), one.node.get_friendly_name()
    indices = node.input(one.operand).get_source_output()
    shape, width = static_shape(node.input(0)), indices.get_partial_shape()[-1]
    if shape is None or width.is_dynamic or max(shape, default=0) > EXACT_INTEGER:
        raise CannotRun(f"gather_nd of a tensor whose shape is not known ({label})")
    name = _input_behind(indices, inputs)
    if name is not None:
        return Guard("positions", label, input=name, sizes=shape)
    last = opset.constant(np.asarray(shape[: width.get_length()], _dtype(indices)) - 1)
    return Guard("positions", label, port=_clamped(model, node, one.operand, last), sizes=shape)


def _divisor(model: Any, one: Wanted, inputs: Mapping[str, str]) -> Guard:
    source, opset = one.node.input(one.operand).get_source_output(), _opset()
    name, label = _input_behind(source, inputs), one.node.get_friendly_name()
    if name is not None:
        return Guard("divisor", label, input=name)
    kind = _dtype(source)
    is_zero = opset.equal(source, opset.constant(np.asarray(0, kind)))
    safe = opset.select(is_zero, opset.constant(np.asarray(1, kind)), source)
    one.node.input(one.operand).replace_source_output(safe.output(0))
    return Guard("divisor", label, port=_exposed(model, source))


def _cast(model: Any, one: Wanted, inputs: Mapping[str, str]) -> Guard:
    source = one.node.input(one.operand).get_source_output()
    name, label = inputs.get(source.get_node().get_name()), one.node.get_friendly_name()
    if name is not None:
        return Guard("cast", label, input=name, low=one.low, high=one.high)
    return Guard("cast", label, port=_exposed(model, source), low=one.low, high=one.high)


def _finite(model: Any, one: Wanted, inputs: Mapping[str, str]) -> Guard:
    """Exposes the sum of the magnitudes, which is finite if all numbers are finite and their sum fits into float32."""
    return Guard("finite", one.node.get_friendly_name(), port=_of_magnitudes(model, one, _opset().reduce_sum))


def _zero(model: Any, one: Wanted, inputs: Mapping[str, str]) -> Guard:
    """Exposes the smallest magnitude, which is 0 if any number is 0."""
    label = one.node.get_friendly_name()
    name = inputs.get(source_of(one.node, one.operand).get_name())
    if name is not None:
        return Guard("zero", label, input=name)
    return Guard("zero", label, port=_of_magnitudes(model, one, _opset().reduce_min))


def _large(model: Any, one: Wanted, inputs: Mapping[str, str]) -> Guard:
    """Exposes the largest magnitude."""
    port = _of_magnitudes(model, one, _opset().reduce_max)
    return Guard("large", one.node.get_friendly_name(), port=port, high=one.high)


def _tie(model: Any, one: Wanted, inputs: Mapping[str, str]) -> Guard:
    """Exposes the smallest distance to a step, relative to the number's magnitude or to 1, whichever is larger."""
    source, opset, kind = one.node.input(one.operand).get_source_output(), _opset(), one.node.get_type_name()
    one_, half = (opset.constant(np.asarray(number, _dtype(source))) for number in (1, 0.5))
    step = opset.add(opset.floor(source), half) if kind == "Round" else opset.round(source, "half_to_even")
    distance = opset.absolute(opset.subtract(source, step))
    if kind in CASTS:  # a cast truncates toward 0, so there is no step at 0
        nothing = opset.equal(step, opset.constant(np.asarray(0, _dtype(source))))
        distance = opset.select(nothing, one_, distance)
    relative = opset.divide(distance, opset.maximum(opset.absolute(source), one_))
    return Guard("tie", one.node.get_friendly_name(), port=_reduced(model, one, relative, opset.reduce_min))


def _of_magnitudes(model: Any, one: Wanted, reduce: Any) -> int:
    """Adds an output that reduces the magnitudes of an operand to one number, and returns its port."""
    return _reduced(model, one, _opset().absolute(one.node.input(one.operand).get_source_output()), reduce)


def _reduced(model: Any, one: Wanted, values: Any, reduce: Any) -> int:
    """Adds an output that reduces values of the operand's shape to one number, and returns its port."""
    rank = one.node.input(one.operand).get_source_output().get_partial_shape().rank
    if rank.is_dynamic:
        raise CannotRun(f"{one.node.get_friendly_name()} takes a tensor whose rank is not known, so it has no guard")
    axes = _opset().constant(np.arange(rank.get_length(), dtype=np.int32))
    return _exposed(model, reduce(values, axes, False).output(0))


_INSERT = {
    "indices": _indices,
    "positions": _positions,
    "divisor": _divisor,
    "cast": _cast,
    "finite": _finite,
    "zero": _zero,
    "large": _large,
    "tie": _tie,
}


def _clamped(model: Any, node: Any, operand: int, last: Any) -> int:
    """Clamps an operand to 0..last. Adds an output with the values before the clamp, and returns its port."""
    source, opset = node.input(operand).get_source_output(), _opset()
    zero = opset.constant(np.asarray(0, _dtype(source)))
    clamped = opset.maximum(opset.minimum(source, last), zero)
    node.input(operand).replace_source_output(clamped.output(0))
    return _exposed(model, source)


def _exposed(model: Any, output: Any) -> int:
    model.add_outputs([output])
    return len(model.outputs) - 1


def _input_behind(output: Any, inputs: Mapping[str, str]) -> str | None:
    """Returns the signature's input that a tensor holds, unchanged or after casts only; None for any other tensor."""
    node = output.get_node()
    while node.get_type_name() in CASTS:
        node = source_of(node, 0)
    return inputs.get(node.get_name())


def _size(node: Any) -> int | None:
    """Returns the size of the dimension that a Gather indexes, or None if it is known only at run time.

    Raises CannotRun if its indices cannot be clamped.
    """
    partial = node.get_input_partial_shape(0)
    axis = source_of(node, 2)
    if partial.rank.is_dynamic or axis.get_type_name() != "Constant":
        raise CannotRun(f"gather from a tensor whose rank is not known ({node.get_friendly_name()})")
    dimension = partial[int(axis.data.reshape(()))]
    if dimension.is_dynamic:
        return None
    size: int = dimension.get_length()
    if size > EXACT_INTEGER:
        raise CannotRun(f"gather from more than {EXACT_INTEGER:,} rows ({node.get_friendly_name()})")
    return size


def _dtype(output: Any) -> Any:
    return output.get_element_type().to_dtype()


def _opset() -> Any:
    return openvino().opset13
