"""A user's own Keras model as the network that transfer learning begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from lightship.errors import InvalidArgument
from lightship.training.bases import IMAGENET, Shape, Weights
from lightship.training.keras_file import read_keras_file

_SCORES = ("softmax", "sigmoid")


def build_own_base(path: Path, shape: Shape | None, weights: Weights) -> keras.Model:
    """Returns the model in a Keras file without its classifier; see `without_classifier`.

    shape: must be that of its images, where it is fixed.

    Raises InvalidArgument for another shape, for weights, since the file has its own, and for a model that does not
    take one batch of images.
    """
    if weights not in (IMAGENET, None):
        raise InvalidArgument(f"weights is {str(weights)!r}, but {path} has its own weights: leave weights out")
    model = read_keras_file(path)
    own = _image_shape(model, path)
    if shape is not None and any(size not in (None, given) for size, given in zip(own, shape, strict=True)):
        raise InvalidArgument(f"shape is {shape!r}, but {path} takes images of {own}: leave shape out")
    features = without_classifier(model, str(path))
    if None not in own:
        return features
    if shape is None:
        raise InvalidArgument(f"{path} takes images of any size, {own}: give the one to train with, shape=(H, W, C)")
    return _of_shape(features, shape)


def _image_shape(model: keras.Model, path: Path) -> tuple[int | None, ...]:
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) != 1 or len(model.outputs) != 1:
        raise InvalidArgument(f"{path} has {len(inputs)} inputs: give a functional or Sequential model of one input")
    shape = tuple(inputs[0].shape[1:])
    if len(shape) != 3:
        raise InvalidArgument(
            f"{path} takes inputs of shape {shape}, not images: give a model of [N, height, width, channels]"
        )
    return shape


def _of_shape(model: keras.Model, shape: Shape) -> keras.Model:
    """Returns a copy of the model for images of one size."""
    copy = keras.models.clone_model(model, input_tensors=keras.Input(shape, name="image"))
    copy.set_weights(model.get_weights())
    return copy


def without_classifier(model: keras.Model, name: str) -> keras.Model:
    """Returns the model up to its features, with the same layers.

    What is left out are, at the end, a Dense layer of scores, which softmax or sigmoid follows, and then Dropout and
    GlobalAveragePooling2D. A model that ends in another way is one of features and stays as it is.
    """
    layers = list(model.layers)
    end = len(layers)
    if _is_activation(layers[end - 1]):
        end -= 1
    if not _is_scores(layers[end - 1], followed=end < len(layers)):
        return model
    end -= 1
    while end > 1 and isinstance(layers[end - 1], (keras.layers.Dropout, keras.layers.GlobalAveragePooling2D)):
        end -= 1
    try:
        return keras.Model(model.inputs[0], layers[end].input, name=model.name)
    except (AttributeError, ValueError) as error:
        raise InvalidArgument(
            f"the classifier of {name} cannot be left out: save the model without it, keras.Model(model.inputs, "
            "layer.output), and give that file"
        ) from error


def _is_activation(layer: Any) -> bool:
    if isinstance(layer, keras.layers.Softmax):
        return True
    return isinstance(layer, keras.layers.Activation) and _name_of(layer.activation) in _SCORES


def _is_scores(layer: Any, followed: bool) -> bool:
    return isinstance(layer, keras.layers.Dense) and (followed or _name_of(layer.activation) in _SCORES)


def _name_of(activation: Any) -> str:
    return str(getattr(activation, "__name__", ""))
