"""Finds the layer to explain, the logits, and the weights of an exact class activation map in a model's graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from lightship.errors import InvalidArgument
from lightship.packaging.arguments import argument
from lightship.packaging.explain_signatures import CannotExplain
from lightship.packaging.traced_model import TracedModel, operations_between

if TYPE_CHECKING:
    from tensorflow import Tensor

# Operations that pass on what they get, in another shape or type at most.
_PASS_ON = frozenset({"Identity", "Cast", "Reshape", "Squeeze", "ExpandDims", "StopGradient"})
# Activations at the end of a model. What comes into them is explained, because they flatten or couple the classes.
_ACTIVATIONS = frozenset(
    {"Softmax", "LogSoftmax", "Sigmoid", "Tanh", "Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Softplus", "Softsign"}
)
# Operations whose results depend on the sizes of what they get, and not on its values.
_SIZES = frozenset({"Rank", "Shape", "ShapeN", "Size"})
# How much more the height may be reduced than the width, or less. In a vision transformer, a tensor of this rank may
# hold a head for each token, which is not a map.
_MAX_DISTORTION = 2.0
# Operations with weights that combine the channels or neighbouring pixels, and calls of functions, which may hold some.
# Without one of them before it, a layer holds the colours of the image.
_COMBINING = frozenset(
    {
        *("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Conv2D", "Conv2DBackpropInput", "Conv3D"),
        *("DepthwiseConv2dNative", "Einsum", "MatMul"),
        *("PartitionedCall", "StatefulPartitionedCall", "XlaCallModule", "XlaLaunch"),
    }
)
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Head:
    """The parts of a model's graph that an explanation is computed from."""

    # The name of the explained layer and its output [N, h, w, C].
    layer: str
    features: Tensor
    # What comes into the last activation, [N, K], and the model's output, [N, K].
    logits: Tensor
    scores: Tensor
    # The weights [C, K] and the bias [K] of the only dense layer behind global average pooling of the features. No
    # weights if the model ends otherwise; no bias if the layer has none.
    weights: Tensor | None
    bias: Tensor | None


def find_head(traced: TracedModel, layer: str | None) -> Head:
    """Finds what to explain in a model's graph.

    layer: the name of the layer to explain, by default the last one before the head whose output is [N, h, w, C] and
        through which all of the image goes. If there is no such layer, the last one through which a part of it goes.
    Raises InvalidArgument for a layer that does not exist or does not fit, and CannotExplain if no layer fits, or if
    that by default holds the colours of the image: their gradients, averaged, would map brightness.
    """
    scores = traced.output
    if scores.shape.rank != 2 or not scores.dtype.is_floating or not scores.shape[1]:
        raise CannotExplain(f"its output is {_shown(scores)}, not one row of scores for each image")
    logits = _logits(scores)
    fitting = _fitting(traced, logits)
    name = _checked(layer, traced, fitting) if layer is not None else _last(traced, fitting, logits)
    features = fitting[name]
    pooled = _pooled(logits)
    weights, bias = (
        (pooled.weights, pooled.bias)
        if pooled and _source(pooled.features).name == _source(features).name
        else (None, None)
    )
    if layer is None and weights is None and not _combines(features):
        raise CannotExplain(
            f"the last layer with an output [N, height, width, channels] is {name!r}, and no layer with weights comes "
            "before it, so that a map would show the colours of the image; the method rise explains the model"
        )
    return Head(name, features, logits, scores, weights, bias)


def _logits(scores: Tensor) -> Tensor:
    logits = _source(scores)
    return _rows(logits.op.inputs[0], scores) if logits.op.type in _ACTIVATIONS else scores


def _rows(tensor: Tensor, scores: Tensor) -> Tensor:
    """Returns the tensor if it has the shape of the scores; an activation may stand before a change of the shape."""
    return tensor if tensor.shape.rank == 2 else scores


def _source(tensor: Tensor) -> Tensor:
    """Returns what a tensor was before it was passed on."""
    while tensor.op.type in _PASS_ON and _same_size(tensor.op.inputs[0], tensor):
        tensor = tensor.op.inputs[0]
    return tensor


def _same_size(before: Tensor, after: Tensor) -> bool:
    """Returns whether only dimensions of 1 come or go behind the first one, and so each row keeps its order."""
    if before.shape.rank is None or after.shape.rank is None:
        return False
    rows = [[size for size in tensor.shape[1:] if size != 1] for tensor in (before, after)]
    return rows[0] == rows[1] and None not in rows[0]


@dataclass(frozen=True, slots=True)
class _Pooled:
    features: Tensor
    weights: Tensor
    bias: Tensor | None


def _pooled(logits: Tensor) -> _Pooled | None:
    """Returns the features, weights and bias if the logits come from global average pooling and one dense layer."""
    product, bias = _source(logits), None
    if product.op.type in ("BiasAdd", "Add", "AddV2"):
        product, bias = product.op.inputs
        product = _source(product)
    rows, weights = _product(product)
    if rows is None or weights is None or _depends(weights, rows.graph.inputs[0]):
        return None
    if bias is not None and (bias.shape.rank != 1 or _depends(bias, rows.graph.inputs[0])):
        return None
    features = _averaged(_source(rows))
    return None if features is None else _Pooled(features, weights, bias)


def _product(tensor: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """Returns the rows and the weights of a dense layer, which may be a convolution of one pixel."""
    operation = tensor.op
    if operation.type == "MatMul" and not operation.get_attr("transpose_a") and not operation.get_attr("transpose_b"):
        return operation.inputs[0], operation.inputs[1]
    if operation.type == "Conv2D" and _channels_last(operation):
        rows, weights = operation.inputs
        if [*rows.shape[1:3], *weights.shape[:2]] == [1, 1, 1, 1]:
            return rows, weights
    return None, None


def _channels_last(operation: Any) -> bool:
    return bool(operation.get_attr("data_format") == b"NHWC")


def _averaged(tensor: Tensor) -> Tensor | None:
    """Returns the tensor [N, h, w, C] whose height and width were averaged, by a mean or by a pool of its size."""
    operation = tensor.op
    if operation.type == "Mean":
        axes = tf.get_static_value(operation.inputs[1])
        if axes is not None and sorted(int(axis) % 4 for axis in axes.reshape(-1)) == [1, 2]:
            return operation.inputs[0] if operation.inputs[0].shape.rank == 4 else None
    if operation.type == "AvgPool" and _channels_last(operation) and operation.get_attr("padding") == b"VALID":
        features = operation.inputs[0]
        return features if list(operation.get_attr("ksize"))[1:3] == list(features.shape[1:3]) else None
    return None


def _depends(tensor: Tensor, on: Tensor) -> bool:
    return any(on.op.name == operation.name for operation in operations_between((), [tensor]))


def _fitting(traced: TracedModel, logits: Tensor) -> dict[str, Tensor]:
    """Returns the outputs [N, h, w, C] that the logits are computed from, by the layers' names, in their order."""
    needed = {operation.name for operation in operations_between((), [logits])}
    return {name: tensor for name, tensor in traced.layers.items() if tensor.op.name in needed and _is_map(tensor)}


def _is_map(tensor: Tensor) -> bool:
    shape = tensor.shape
    return shape.rank == 4 and tensor.dtype.is_floating and shape[3] is not None and list(shape[1:3]) != [1, 1]


def _last(traced: TracedModel, fitting: dict[str, Tensor], logits: Tensor) -> str:
    likely = [tensor for tensor in fitting.values() if _distortion(traced.input, tensor) <= _MAX_DISTORTION]
    if not likely:
        raise CannotExplain("no layer has an output [N, height, width, channels] with more than one pixel")
    whole = (tensor for tensor in reversed(likely) if _combines(tensor) and not _bypassed(tensor, traced.input, logits))
    chosen = next(whole, likely[-1])
    # The first name is the layer's own; the last ones may be those of models that contain it.
    return next(name for name, tensor in fitting.items() if tensor.name == chosen.name)


def _bypassed(tensor: Tensor, image: Tensor, logits: Tensor) -> bool:
    """Returns whether the logits are computed from the image by another way too, such as another branch of a block."""
    waiting, seen = [logits.op], {tensor.op.name}
    while waiting:
        operation = waiting.pop()
        if operation.name == image.op.name:
            return True
        if operation.name not in seen and operation.type not in _SIZES:
            seen.add(operation.name)
            waiting += [one.op for one in operation.inputs]
    return False


def _combines(tensor: Tensor) -> bool:
    return any(operation.type in _COMBINING for operation in operations_between((), [tensor]))


def _distortion(image: Tensor, tensor: Tensor) -> float:
    if image.shape.rank != 4 or None in (*image.shape[1:3], *tensor.shape[1:3]):
        return 1.0
    height, width = (image.shape[axis] / tensor.shape[axis] for axis in (1, 2))
    return float(max(height / width, width / height))


def _checked(layer: str, traced: TracedModel, fitting: dict[str, Tensor]) -> str:
    if layer in fitting:
        return layer
    given = f"{argument('explain')} is {layer!r}"
    names = f"those that fit are {', '.join(_some(fitting))}" if fitting else "the model has none"
    if layer in traced.layers:
        raise InvalidArgument(
            f"{given}, whose output is {_shown(traced.layers[layer])}: give a layer before the scores with an output "
            f"[N, height, width, channels] and more than one pixel; {names}"
        )
    near = get_close_matches(layer, fitting, 1) or get_close_matches(layer, traced.layers, 1)
    meant = f"; did you mean {near[0]!r}?" if near else ":"
    raise InvalidArgument(
        f"{given}, but the model has no such layer{meant} give one with an output [N, height, width, channels]; {names}"
    )


def _some(fitting: dict[str, Tensor]) -> Iterator[str]:
    """Yields the names of the last layers, which suit best, the last one first."""
    names = list(reversed(fitting))
    yield from names[:_SHOWN]
    if len(names) > _SHOWN:
        yield f"and {len(names) - _SHOWN} more"


def _shown(tensor: Tensor) -> str:
    if tensor.shape.rank is None:
        return "[...]"
    return "[" + ", ".join(["N", *("?" if size is None else str(size) for size in tensor.shape[1:])]) + "]"
