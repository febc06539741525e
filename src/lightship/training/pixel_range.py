"""Notices images of a dataset that were not preprocessed as the image spec of their model says."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.images.spec import ImageSpec

# Shares of the range that the preprocessing gives. Some resize methods overshoot it a little.
_OUTSIDE = 0.25
_NARROW = 0.05
_NEGATIVE = 0.1


class PreprocessingMismatchWarning(UserWarning):
    """The images of a dataset have other values than the preprocessing of the model's image spec gives."""


def warn_if_unlike(images: Any, spec: ImageSpec | None, what: str, depth: int) -> None:
    """Warns with `PreprocessingMismatchWarning` if images cannot have gone through the preprocessing of `spec`.

    images: a batch of the model's inputs. what: where they come from, such as "ds_valid". depth: how many functions
    above this one the caller's own is.
    """
    pixels = np.asarray(images)
    if spec is None or not pixels.size or pixels.dtype.kind not in "uif":
        return
    low, high = expected_range(spec)
    lowest, highest = float(pixels.min()), float(pixels.max())
    if not _unlike(lowest, highest, low, high):
        return
    warnings.warn(
        f"the images of {what} are from {lowest:.4g} to {highest:.4g}, but with preprocessing="
        f"{spec.preprocessing.to_json()!r}, which photos go through when they are served, they would be from "
        f"{low:.4g} to {high:.4g}: preprocess the dataset, dataset.map(lambda images, labels: "
        "(model.preprocess(images), labels)), or give TransferModel the image spec that says what was done",
        PreprocessingMismatchWarning,
        stacklevel=depth + 1,
    )


def expected_range(spec: ImageSpec) -> tuple[float, float]:
    """Returns the least and the greatest value that a spec's preprocessing makes of pixels 0..255."""
    black = spec.preprocessing.apply(np.zeros((1, 1, spec.channels), np.uint8))
    white = spec.preprocessing.apply(np.full((1, 1, spec.channels), 255, np.uint8))
    ends: NDArray[np.float32] = np.concatenate([black, white])
    return float(ends.min()), float(ends.max())


def _unlike(lowest: float, highest: float, low: float, high: float) -> bool:
    width = high - low
    outside = lowest < low - _OUTSIDE * width or highest > high + _OUTSIDE * width
    # A batch of photos is never as bright as this, nor has so little contrast: the range is that of 0..1, for example.
    all_bright = low < -_NEGATIVE * width and lowest >= 0
    return outside or all_bright or highest - lowest < _NARROW * width
