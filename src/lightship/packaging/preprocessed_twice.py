"""Warns when a model that preprocesses pixels itself is exported with an image spec that preprocesses them too."""

from __future__ import annotations

import warnings
from pathlib import Path

from lightship.images.preprocessing import Preprocessing
from lightship.packaging.arguments import image_setting, preprocessing_setting

# Preprocessing by numbers that changes nothing.
_UNCHANGED = (Preprocessing.scale_offset(1.0), Preprocessing.mean_std(0.0, 1.0))


class PreprocessedTwiceWarning(UserWarning):
    """The image spec preprocesses the pixels, and so do the first layers of the model."""


def preprocesses_twice(preprocessing: Preprocessing, scales_pixels: bool) -> bool:
    """Returns whether both an image spec with this preprocessing and the model change the values of pixels.

    scales_pixels: whether the first layers of the model do so.
    """
    unchanged = preprocessing.kind == "none" or preprocessing in _UNCHANGED
    return scales_pixels and not unchanged


def warn_of_preprocessing_twice(version: Path, preprocessing: Preprocessing, depth: int) -> None:
    """Warns with `PreprocessedTwiceWarning`, in the words of the caller.

    depth: how many functions above this one the caller's own is.
    """
    text = (
        f"{version} preprocesses the pixels of photos twice, so its answers may be wrong: "
        f"{preprocessing_setting(preprocessing.to_json())} does so, and then the first layers of the model do: export "
        f"it again with {image_setting('preprocessing', 'none')}, unless training did both"
    )
    warnings.warn(text, PreprocessedTwiceWarning, stacklevel=depth + 1)
