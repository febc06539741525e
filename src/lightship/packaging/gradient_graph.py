"""The gradient of a part of a graph, as operations of the same graph.

TensorFlow's own gradients of common layers use operations that are made for gradients, such as ReluGrad, or that work
on shapes. The rules here use those of inference, which OpenVINO is proven to run, and give the same numbers. For other
operations TensorFlow's own gradient is taken, and then TensorFlow has to run the graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from lightship.packaging.traced_model import operations_between

if TYPE_CHECKING:
    from tensorflow import Tensor

# Takes an operation and the gradient by its first output. Returns the gradients by its inputs, None for those without,
# or NotImplemented for a form of the operation that it does not know.
Rule = Callable[[Any, Any], Any]


def gradient(of: Tensor, by: Tensor, seed: Tensor) -> Tensor | None:
    """Returns the gradient of the sum of `of * seed`, in the shape of `by`; None if `of` does not depend on `by`.

    All are tensors of the current graph; what is to be kept constant must not depend on `by`. Raises LookupError if
    TensorFlow has no gradient of an operation between them.
    """
    gradients = {of.name: seed}
    for operation in reversed(_on_the_way(of, by)):
        known = [gradients.pop(tensor.name, None) for tensor in operation.outputs]
        if all(one is None for one in known):
            continue
        for tensor, part in zip(operation.inputs, _by_inputs(operation, known), strict=True):
            if part is not None:
                gradients[tensor.name] = gradients[tensor.name] + part if tensor.name in gradients else part
    return gradients.get(by.name)


def _on_the_way(of: Tensor, by: Tensor) -> list[Any]:
    """Returns the operations that `of` needs and that depend on `by`, in the order in which they run."""
    needed = {operation.name for operation in operations_between({by.name}, [of])}
    dependent, found = {by.name}, []
    for operation in of.graph.get_operations():
        if operation.name in needed and any(tensor.name in dependent for tensor in operation.inputs):
            dependent.update(tensor.name for tensor in operation.outputs)
            found.append(operation)
    return found


def _by_inputs(operation: Any, known: Sequence[Any]) -> Sequence[Any]:
    """Returns the gradients by the inputs of an operation from those by its outputs."""
    rule = _RULES.get(operation.type)
    if rule is not None and all(one is None for one in known[1:]):
        found = rule(operation, known[0])
        if found is not NotImplemented:
            return list(found) + [None] * (len(operation.inputs) - len(found))
    outputs = [(tensor, one) for tensor, one in zip(operation.outputs, known, strict=True) if one is not None]
    inputs = list(operation.inputs)
    ys, grad_ys = zip(*outputs, strict=True)
    # Stopping at the inputs makes the derivatives partial ones, also if one input depends on another.
    parts: Sequence[Any] = tf.gradients(ys, inputs, grad_ys, stop_gradients=inputs)
    return parts


def _passed_on(operation: Any, gradient: Tensor) -> Any:
    return [gradient]


def _add(operation: Any, gradient: Tensor) -> Any:
    return _each(operation, [gradient, gradient])


def _subtract(operation: Any, gradient: Tensor) -> Any:
    return _each(operation, [gradient, -gradient])


def _multiply(operation: Any, gradient: Tensor) -> Any:
    first, second = operation.inputs
    return _each(operation, [gradient * second, gradient * first])


def _each(operation: Any, gradients: Sequence[Tensor]) -> Any:
    """Adds up the gradients over the dimensions along which an input was repeated."""
    found = [_summed(one, tensor) for one, tensor in zip(gradients, operation.inputs, strict=True)]
    return NotImplemented if any(one is None for one in found) else found


def _summed(gradient: Tensor, tensor: Tensor) -> Tensor | None:
    """Returns None if the shapes do not tell whether the tensor was repeated."""
    if tensor.shape.rank is None or gradient.shape.rank is None:
        return None
    added = gradient.shape.rank - tensor.shape.rank
    repeated = list(range(added))
    for axis, (size, all_of) in enumerate(zip(tensor.shape, gradient.shape[added:], strict=True), added):
        if size == 1 and all_of != 1:
            repeated.append(axis)
        elif size != all_of or (size is None and axis > 0):  # two free first dimensions are the batch
            return None
    if not repeated:
        return gradient
    return _like(tf.reduce_sum(gradient, axis=repeated, keepdims=True), tensor)


def _like(gradient: Tensor, tensor: Tensor) -> Tensor:
    """Gives a gradient the shape of a tensor with as many elements."""
    sizes = list(tensor.shape) if tensor.shape.rank is not None else [None, None]
    known = sizes.count(None) <= 1
    return tf.reshape(gradient, [-1 if size is None else size for size in sizes] if known else tf.shape(tensor))


def _reshaped(operation: Any, gradient: Tensor) -> Any:
    return [_like(gradient, operation.inputs[0])]


def _matmul(operation: Any, gradient: Tensor) -> Any:
    if operation.get_attr("transpose_a") or operation.get_attr("transpose_b"):
        return NotImplemented
    rows, weights = operation.inputs
    return [tf.matmul(gradient, weights, transpose_b=True), tf.matmul(rows, gradient, transpose_a=True)]


def _relu(operation: Any, gradient: Tensor) -> Any:
    output = operation.outputs[0]
    return [gradient * tf.cast(output > 0, gradient.dtype)]


def _relu6(operation: Any, gradient: Tensor) -> Any:
    output = operation.outputs[0]
    return [gradient * tf.cast(tf.logical_and(output > 0, output < 6), gradient.dtype)]


def _sigmoid(operation: Any, gradient: Tensor) -> Any:
    output = operation.outputs[0]
    return [gradient * (output * (1 - output))]


def _tanh(operation: Any, gradient: Tensor) -> Any:
    output = operation.outputs[0]
    return [gradient * (1 - output * output)]


def _cast(operation: Any, gradient: Tensor) -> Any:
    (tensor,) = operation.inputs
    return [tf.cast(gradient, tensor.dtype) if tensor.dtype.is_floating else None]


def _mean(operation: Any, gradient: Tensor) -> Any:
    sizes = _reduced_sizes(operation)
    return NotImplemented if sizes is None else [_spread(operation, gradient, sizes) / math.prod(sizes)]


def _sum(operation: Any, gradient: Tensor) -> Any:
    sizes = _reduced_sizes(operation)
    return NotImplemented if sizes is None else [_spread(operation, gradient, sizes)]


def _max(operation: Any, gradient: Tensor) -> Any:
    """Shares the gradient among equal maxima, as TensorFlow does."""
    sizes = _reduced_sizes(operation)
    if sizes is None:
        return NotImplemented
    tensor, axes = operation.inputs
    largest = tf.cast(tf.equal(tensor, _kept(operation, operation.outputs[0])), gradient.dtype)
    share = _kept(operation, gradient) / tf.reduce_sum(largest, axis=axes, keepdims=True)
    return [largest * share]


def _reduced_sizes(operation: Any) -> list[int] | None:
    """Returns the size of each reduced dimension and 1 for the others; None if they are not known."""
    tensor, axes = operation.inputs[0], tf.get_static_value(operation.inputs[1])
    if axes is None or tensor.shape.rank is None:
        return None
    reduced = {int(axis) % tensor.shape.rank for axis in axes.reshape(-1)}
    sizes = [size if axis in reduced else 1 for axis, size in enumerate(tensor.shape)]
    return None if None in sizes else sizes


def _kept(operation: Any, reduced: Tensor) -> Tensor:
    """Gives what was reduced its dimensions back, with the size of 1."""
    if operation.get_attr("keep_dims"):
        return reduced
    tensor, axes = operation.inputs[0], tf.get_static_value(operation.inputs[1])
    gone = {int(axis) % tensor.shape.rank for axis in axes.reshape(-1)}
    sizes = [1 if axis in gone else size for axis, size in enumerate(tensor.shape)]
    if sizes.count(None) <= 1:
        return tf.reshape(reduced, [-1 if size is None else size for size in sizes])
    for axis in sorted(gone):
        reduced = tf.expand_dims(reduced, axis)
    return reduced


def _spread(operation: Any, gradient: Tensor, sizes: Sequence[int]) -> Tensor:
    return _kept(operation, gradient) * tf.ones(sizes, gradient.dtype)


def _batch_norm(operation: Any, gradient: Tensor) -> Any:
    if operation.get_attr("is_training") or operation.get_attr("data_format") != b"NHWC":
        return NotImplemented
    _, scale, _, _, variance = operation.inputs
    return [gradient * (scale * tf.math.rsqrt(variance + operation.get_attr("epsilon")))]


def _convolution(operation: Any, gradient: Tensor) -> Any:
    padding = operation.get_attr("padding").decode()
    if operation.get_attr("data_format") != b"NHWC" or padding not in ("SAME", "VALID"):
        return NotImplemented
    images, weights = operation.inputs
    if images.shape[3] != weights.shape[2]:  # in groups
        return NotImplemented
    strides, dilations = (list(operation.get_attr(name)) for name in ("strides", "dilations"))
    sizes = tf.shape(images)
    return [tf.nn.conv2d_transpose(gradient, weights, sizes, strides, padding, dilations=dilations)]


def _concat(operation: Any, gradient: Tensor) -> Any:
    *tensors, axis = operation.inputs
    along = tf.get_static_value(axis)
    if along is None or any(tensor.shape.rank is None for tensor in tensors):
        return NotImplemented
    sizes = [tensor.shape[int(along)] for tensor in tensors]
    if None in sizes:
        return NotImplemented
    return tf.split(gradient, sizes, int(along))


_RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("Identity", "BiasAdd", "IdentityN"), _passed_on),
    **dict.fromkeys(("Reshape", "Squeeze", "ExpandDims"), _reshaped),
    **dict.fromkeys(("Add", "AddV2"), _add),
    "Cast": _cast,
    "ConcatV2": _concat,
    "Conv2D": _convolution,
    "FusedBatchNormV3": _batch_norm,
    "MatMul": _matmul,
    "Max": _max,
    "Mean": _mean,
    "Mul": _multiply,
    "Relu": _relu,
    "Relu6": _relu6,
    "Sigmoid": _sigmoid,
    "Sub": _subtract,
    "Sum": _sum,
    "Tanh": _tanh,
}
