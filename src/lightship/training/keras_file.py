"""Reads and writes the Keras model that a version keeps beside its SavedModel, to be trained further."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from lightship.errors import InvalidArgument, NotFound
from lightship.packaging.library_errors import reraise_as
from lightship.packaging.quiet import quiet
from lightship.training.bases import KERAS_FILE


def write_keras_file(model: keras.Model, folder: Path) -> Path:
    """Writes a model into `folder` as `model.keras`, without the state of its optimizer, and returns the path."""
    path = folder / KERAS_FILE
    with quiet():
        keras.saving.save_model(model, path)
    return path


def read_keras_file(path: Path) -> Any:
    """Returns the model in a Keras file. Code in the file, such as that of a Lambda layer, is not run.

    Raises NotFound if the file does not exist, and InvalidArgument if Keras cannot load it.
    """
    if not path.exists():
        raise NotFound(f"{path} does not exist: give the path of a Keras file")
    text = (
        f"Keras {keras.__version__} cannot load {path}: {{}}; if it has custom layers or functions, load it with "
        "keras.models.load_model(path, custom_objects=...) and give the loaded model"
    )
    with reraise_as(InvalidArgument, text), quiet():
        return keras.models.load_model(path)
