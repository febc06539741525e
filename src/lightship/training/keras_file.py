"""Reads and writes the Keras model that a version keeps beside its SavedModel, to be trained further."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from lightship.errors import FailedPrecondition, InvalidArgument, NotFound
from lightship.packaging.keras_file_faults import explain_file_fault
from lightship.packaging.library_errors import reraise_as
from lightship.packaging.quiet import quiet
from lightship.training.bases import KERAS_FILE
from lightship.training.saved_model_layer import saved_model_of


def write_keras_file(model: keras.Model, folder: Path) -> Path:
    """Writes a model into `folder` as `model.keras`, without the state of its optimizer, and returns the path.

    Raises FailedPrecondition if Keras cannot save the model, or could not load it again.
    """
    path = folder / KERAS_FILE
    if saved_model_of(model) is not None:
        raise FailedPrecondition("the model is a SavedModel and has no Keras model to keep: give keep_keras=False")
    refused = "Keras cannot save this model: {}; give keep_keras=False"
    with reraise_as(FailedPrecondition, refused), quiet(), _without_optimizer(model):
        keras.saving.save_model(model, path)
    return path


@contextmanager
def _without_optimizer(model: keras.Model) -> Iterator[None]:
    """Hides the optimizer, whose state is up to twice as large as the model. How it was made is saved all the same."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        yield
        return
    model.optimizer = None
    try:
        yield
    finally:
        model.optimizer = optimizer


def read_keras_file(path: Path) -> Any:
    """Returns the model in a Keras file, compiled as it was, if that is possible. No code in a .keras file is run.

    Raises NotFound if the file does not exist, and InvalidArgument if Keras cannot load it.
    """
    if not path.exists():
        raise NotFound(f"{path} does not exist: give the path of a Keras file")
    text = (
        f"Keras {keras.__version__} cannot load {path}: {{}}; if it has custom layers or functions, load it with "
        "keras.models.load_model(path, custom_objects=...) and give the loaded model"
    )
    with reraise_as(InvalidArgument, text), explain_file_fault(path), quiet():
        try:
            return keras.models.load_model(path)
        except Exception:  # a loss of the user's own, for example
            return keras.models.load_model(path, compile=False)
