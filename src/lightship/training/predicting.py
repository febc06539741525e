"""What a Keras model answers: for data, for one photo and for one array."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lightship.errors import InvalidArgument, LightshipError
from lightship.files import read_bytes
from lightship.images.prepare import prepare
from lightship.images.spec import ImageSpec
from lightship.training.data import check_images
from lightship.training.pixel_range import warn_if_unlike


def scores_of_data(model: keras.Model, data: Any, verbose: Any) -> NDArray[np.float32]:
    """Returns the outputs [n, classes] for a dataset, whose labels are not used, or an array [n, h, w, c]."""
    check_images(data, model, "ds_new")
    return np.asarray(model.predict(data, verbose=verbose), np.float32)


def input_of_photo(path: Path, spec: ImageSpec) -> NDArray[np.float32]:
    """Returns the model's input for a photo's file, [height, width, channels].

    Raises NotFound, PermissionDenied, InvalidArgument and TooLarge, with the path.
    """
    data = read_bytes(path)
    try:
        return prepare(data, spec)
    except LightshipError as error:
        raise type(error)(f"{path}: {error.message}") from error


def input_of_array(array: Any, model: keras.Model, spec: ImageSpec | None, depth: int) -> NDArray[np.float32]:
    """Returns the model's input for one image, [height, width, channels].

    uint8 pixels of any size are prepared by the spec, if there is one. Other numbers are the input itself. Both may
    have a first dimension of 1. depth: as for `warn_if_unlike`.
    """
    image = np.asarray(array)
    if image.ndim == 4 and len(image) == 1:
        image = image[0]
    if image.dtype == np.uint8 and spec is not None:
        return prepare(image, spec)
    expected = tuple(model.inputs[0].shape[1:])
    if image.ndim != 3 or any(size not in (None, given) for size, given in zip(expected, image.shape, strict=True)):
        raise InvalidArgument(
            f"an array of shape {np.shape(array)} is not one image for this model: give {expected}, preprocessed, or "
            "uint8 pixels [height, width, channels] of any size"
        )
    warn_if_unlike(image, spec, "the array", depth + 1)
    return image.astype(np.float32, copy=False)


def scores_of_one(model: keras.Model, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the outputs [classes] for one image [height, width, channels]."""
    scores: NDArray[np.float32] = np.asarray(model.predict_on_batch(image[np.newaxis]), np.float32)[0]
    return scores


def label_of(scores: NDArray[np.float32], labels: Sequence[str]) -> str:
    """Returns the label with the best score. Raises InvalidArgument if there are more or fewer labels than scores."""
    if len(labels) != len(scores):
        raise InvalidArgument(
            f"there are {len(labels)} classes, but the model has {len(scores)} outputs: give the classes of training"
        )
    return labels[int(scores.argmax())]
