"""Small models with an answer to explain, and what Keras itself says of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Maps = dict[str, NDArray[Any]]


def informative(model: keras.Model) -> keras.Model:
    """Gives random batch normalisation the statistics of a batch, so that the scores differ from image to image."""
    for layer in _layers(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    shape = [size or 32 for size in model.input_shape[1:]]
    model(np.random.default_rng(1).uniform(-1, 1, (8, *shape)).astype(np.float32), training=True)
    return model


def _layers(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        yield from _layers(layer) if isinstance(layer, keras.Model) else [layer]


def expected_maps(model: keras.Model, layer: str, images: NDArray[Any], logits_layer: str) -> Maps:
    """Maps for the predicted classes, in float64, from the features and their gradient in Keras.

    logits_layer: the last layer, whose activation is left out.
    """
    features, slopes, logits = _features_and_slopes(model, layer, images, logits_layer)
    sums = features.sum((1, 2), keepdims=True)
    parts = 2 * slopes**2 + sums * slopes**3
    alphas = np.divide(slopes**2, parts, out=np.zeros_like(parts), where=parts != 0)
    weights = (alphas * np.maximum(slopes, 0)).sum((1, 2), keepdims=True)
    grad_cam = (features * slopes.mean((1, 2), keepdims=True)).sum(-1)
    pixels = features.shape[1] * features.shape[2]
    return {
        "cam": grad_cam * pixels,  # by one dense layer the gradient is the weight, shared among the pixels
        "grad-cam": grad_cam,
        "hirescam": (features * slopes).sum(-1),
        "grad-cam++": (features * weights).sum(-1),
        "logit": logits,
    }


def _features_and_slopes(
    model: keras.Model, layer: str, images: NDArray[Any], logits_layer: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    (explained,) = [one for one in _layers(model) if one.name == layer]
    (last,) = [one for one in _layers(model) if one.name == logits_layer]
    activation, call, seen = last.activation, explained.call, []
    with tf.GradientTape() as tape:

        def watched(*args: Any, **kwargs: Any) -> Any:
            output = call(*args, **kwargs)
            tape.watch(output)
            seen.append(output)
            return output

        object.__setattr__(explained, "call", watched)
        last.activation = None
        try:
            logits = model(images, training=False)
        finally:
            last.activation = activation
            object.__delattr__(explained, "call")
        best = tf.reduce_max(logits, axis=-1)
    slopes = tape.gradient(best, seen[-1])
    return tuple(np.asarray(one, np.float64) for one in (seen[-1], slopes, best))  # type: ignore[return-value]
