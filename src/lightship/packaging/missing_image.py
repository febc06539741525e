"""Warns when an image classifier is exported without its preprocessing, because servers then refuse photos for it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lightship.bundle.golden import Golden
from lightship.bundle.missing_image import is_image_shape
from lightship.packaging.arguments import argument, family_setting, image_setting
from lightship.packaging.trained import ModelInput, TrainedModel

_NOT_PIXELS = frozenset({"string", "bool", "resource", "variant", "complex64", "complex128"})


class MissingImageSpecWarning(UserWarning):
    """An image classifier was exported without an image spec, so servers take only tensors for it, and no photos."""


def is_image_classifier(
    inputs: Mapping[str, ModelInput], labels: tuple[str, ...] | None, golden: Golden | None
) -> bool:
    """Returns whether a model takes one batch of images and gives scores of classes.

    It gives scores if it has labels, or if its only output has rows of at least two numbers that add up to 1, as those
    of a softmax do. Other rows of numbers may be features, which have no labels.
    """
    if len(inputs) != 1:
        return False
    (one,) = inputs.values()
    if one.dtype in _NOT_PIXELS or not is_image_shape(one.shape):
        return False
    return labels is not None or (golden is not None and _gives_probabilities(golden))


def warn_of_missing_image(version: Path, trained: TrainedModel, labels: tuple[str, ...] | None, depth: int) -> None:
    """Warns with `MissingImageSpecWarning`, in the words of the caller.

    depth: how many functions above this one the caller's own is.
    """
    if trained.scales_pixels:
        wanted = f"give {image_setting('preprocessing', 'none')}, because the model preprocesses the pixels itself"
    else:
        name, none = image_setting("preprocessing", "mobilenet_v2"), image_setting("preprocessing", "none")
        wanted = f"give what training did to the pixels, such as {name}, or {none} if the model does that itself"
    family = f"; add {family_setting('tensorflow')} if training used image_dataset_from_directory"
    classes = f"; {argument('classes')} is missing too" if labels is None else ""
    text = (
        f"{version} was exported without preprocessing, so servers take only tensors for it and refuse photos: "
        f"{wanted}{family}{classes}; {argument('no_image')} says that this is intended"
    )
    warnings.warn(text, MissingImageSpecWarning, stacklevel=depth + 1)


def _gives_probabilities(golden: Golden) -> bool:
    if len(golden.outputs) != 1:
        return False
    (rows,) = golden.outputs.values()
    if rows.ndim != 2 or rows.shape[1] < 2 or rows.dtype.kind != "f":
        return False
    return bool((rows >= 0).all() and np.allclose(rows.sum(axis=1, dtype=np.float64), 1, atol=1e-3))
