"""Reads the model of a version folder: its SavedModel, or `model.tflite`."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path

from lightship.saved_model.reader import SavedModel, read_saved_model
from lightship.saved_model.signatures import SERVE
from lightship.saved_model.tflite import read_tflite
from lightship.saved_model.versions import SESSION_BUNDLE_FILE, TFLITE_FILE, has_saved_model

ReadModel = Callable[[Path, Collection[str]], SavedModel]


def read_model(
    folder: Path,
    tags: Collection[str] = SERVE,
    *,
    prefer_tflite: bool = False,
    read: ReadModel = read_saved_model,
) -> SavedModel:
    """Reads a version's signatures.

    tags: of the graph in the SavedModel; `model.tflite` has no tags.
    prefer_tflite: read `model.tflite` although there is a SavedModel. Without a SavedModel it is read anyway.
    read: reads the SavedModel.

    Raises the errors of `read_saved_model` and `read_tflite`.
    """
    return read_tflite(folder) if serves_tflite(folder, prefer_tflite=prefer_tflite) else read(folder, tags)


def serves_tflite(folder: Path, *, prefer_tflite: bool) -> bool:
    """Returns whether `model.tflite` is what is served of a version folder."""
    if not os.path.isfile(folder / TFLITE_FILE):
        return False
    return prefer_tflite or not (has_saved_model(folder) or os.path.exists(folder / SESSION_BUNDLE_FILE))
