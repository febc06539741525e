"""Checks the data that a user trains with, because the errors of Keras are long and hard to read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lightship.errors import InvalidArgument

_SPARSE = "sparse_categorical_crossentropy"
_ONE_HOT = "categorical_crossentropy"


def is_dataset(data: Any) -> bool:
    """Whether data is a dataset of TensorFlow, which Keras does not shuffle."""
    return isinstance(data, tf.data.Dataset)


def keras_arguments(data: Any) -> dict[str, Any]:
    """Returns the arguments by which Keras takes data: a dataset, a `PyDataset`, or a pair of images and labels."""
    if _is_pair(data):
        return {"x": data[0], "y": data[1]}
    return {"x": data}


def check_labelled(data: Any, model: keras.Model, what: str) -> None:
    """Checks images and labels: their shapes, that there are any, and that a dataset has batches.

    Data of other kinds is not looked at.

    what: the argument's name. Raises InvalidArgument, which says what to change.
    """
    if isinstance(data, (int, float, str)) or data is None:
        raise InvalidArgument(f"{what} is {data!r}; give a tf.data.Dataset of images and labels, or a pair of arrays")
    if _is_empty(data):
        raise InvalidArgument(f"{what} has no images: check what it is made of, such as a filter, take or skip")
    found = _specs(data)
    if found is None:
        return
    images, labels = found
    if labels is None:
        raise InvalidArgument(f"{what} has images without labels: give a dataset of pairs of images and labels")
    _check_images(images, model, what)
    _check_labels(labels, model, what)


def check_images(data: Any, model: keras.Model, what: str) -> None:
    """Checks images as `check_labelled` does. Labels may be there."""
    found = _specs(data) if not isinstance(data, np.ndarray) else (data.shape, None)
    if found is not None:
        _check_images(found[0], model, what)


def first_images(data: Any) -> Any:
    """Returns the images of the first batch, or None if the data would have to be changed to look at it."""
    if _is_pair(data):
        return data[0][:32]
    if is_dataset(data):
        for batch in islice(iter(data.take(1)), 1):
            return batch[0] if isinstance(batch, tuple) else batch
    return None


def _is_pair(data: Any) -> bool:
    return isinstance(data, (tuple, list)) and len(data) == 2


def _is_empty(data: Any) -> bool:
    """Whether data is known to have no images; a dataset need not know."""
    if is_dataset(data):
        return bool(data.cardinality() == 0)
    return _is_pair(data) and np.shape(data[0])[:1] == (0,)


def _specs(data: Any) -> tuple[Any, Any] | None:
    """Returns the shapes of images and labels, with None for sizes and shapes that are not known."""
    if _is_pair(data):
        return np.shape(data[0]), np.shape(data[1])
    if not is_dataset(data):
        return None
    spec = data.element_spec
    if not isinstance(spec, tuple):
        return _shape(spec), None
    return _shape(spec[0]), _shape(spec[1]) if len(spec) > 1 else None


def _shape(spec: Any) -> Sequence[int | None]:
    shape = getattr(spec, "shape", None)
    return tuple(shape) if shape is not None and shape.rank is not None else ()


def _check_images(images: Sequence[int | None], model: keras.Model, what: str) -> None:
    expected = tuple(model.inputs[0].shape)
    if not images:
        return
    if len(images) == len(expected) - 1:
        raise InvalidArgument(f"{what} has single images {tuple(images)}, not batches: give dataset.batch(32)")
    if len(images) != len(expected) or not _fits(images[1:], expected[1:]):
        raise InvalidArgument(
            f"{what} has images {tuple(images[1:])}, but the model takes {tuple(expected[1:])}: resize them as photos "
            "are resized when they are served, or make the model with the shape of the images"
        )


def _check_labels(labels: Sequence[int | None], model: keras.Model, what: str) -> None:
    classes, loss = model.outputs[0].shape[-1], model.loss
    if len(labels) == 1 and loss == _ONE_HOT:
        raise InvalidArgument(
            f"{what} has labels that are indices, but the loss {loss} takes one-hot labels [N, {classes}]: make them "
            f"so, with label_mode='categorical' for example, or compile with loss={_SPARSE!r}"
        )
    if len(labels) == 2 and loss == _ONE_HOT and labels[1] not in (None, classes):
        raise InvalidArgument(
            f"{what} has labels of {labels[1]} classes, but the model has {classes}: give the classes of the dataset"
        )
    if len(labels) == 2 and loss == _SPARSE and labels[1] not in (None, 1):
        raise InvalidArgument(
            f"{what} has one-hot labels, but the loss {loss} takes indices: compile with loss={_ONE_HOT!r}"
        )


def _fits(given: Sequence[int | None], expected: Sequence[int | None]) -> bool:
    return all(one is None or other is None or one == other for one, other in zip(given, expected, strict=True))
