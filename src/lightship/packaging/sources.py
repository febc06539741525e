"""Opens a trained model from any of the supported sources."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras

from lightship.errors import InvalidArgument, NotFound
from lightship.packaging.keras_file_faults import explain_file_fault
from lightship.packaging.keras_model import KerasModel
from lightship.packaging.legacy_frame import read_classes_pickle
from lightship.packaging.library_errors import reraise_as
from lightship.packaging.quiet import quiet
from lightship.packaging.saved_model_source import SavedModelSource
from lightship.packaging.trained import TrainedModel
from lightship.saved_model.versions import (
    CLASSES_PICKLE,
    SAVED_MODEL_FILE,
    has_saved_model,
    list_versions,
)
from lightship.suffixes import KERAS_SUFFIXES


def open_source(source: Any, *, with_labels: bool = True) -> TrainedModel:
    """Opens the model in `source`: a `keras.Model`, or the path of a Keras file, a SavedModel, or the older layout.

    with_labels: also read `classes.pickle` of the older layout. Raises NotFound if the path does not exist, and
    InvalidArgument if it contains something else.
    """
    if isinstance(source, keras.Model):
        return KerasModel(source)
    if not isinstance(source, (str, Path)):
        kind = f"{type(source).__module__}.{type(source).__name__}"
        raise InvalidArgument(
            f"cannot export a {kind}: give a keras.Model, a .keras or .h5 file, or a SavedModel folder "
            "(a model of tf_keras: save it with model.save(FOLDER, save_format='tf') and export that folder)"
        )
    path = Path(source)
    if not os.path.exists(path):  # Path.exists raises OSError for a name that is too long
        raise NotFound(f"{path} does not exist: give a .keras or .h5 file, or a SavedModel folder")
    return _open_folder(path, with_labels) if path.is_dir() else _open_file(path)


def _open_file(path: Path) -> TrainedModel:
    if path.name.endswith(".weights.h5"):
        raise InvalidArgument(
            f"{path} contains only weights: load them into the model and export the model, or save it with model.save()"
        )
    if path.suffix.lower() not in KERAS_SUFFIXES:
        raise InvalidArgument(
            f"{path} is not a {', '.join(KERAS_SUFFIXES)} file: save the model with model.save('m.keras')"
        )
    return _load_keras(path)


def _open_folder(path: Path, with_labels: bool) -> TrainedModel:
    if has_saved_model(path):
        return SavedModelSource(path)
    if (path / "config.json").exists() and (path / "model.weights.h5").exists():
        return _load_keras(path)  # an unpacked .keras file
    if (path / "model").is_dir() and (path / CLASSES_PICKLE).exists():
        model = _open_folder(path / "model", with_labels)
        if with_labels:
            model.labels = read_classes_pickle(path / CLASSES_PICKLE)
        return model
    files = [file for file in sorted(path.iterdir()) if file.suffix.lower() in KERAS_SUFFIXES]
    if len(files) == 1:
        return _open_file(files[0])
    raise InvalidArgument(_explain_missing_model(path, files))


def _explain_missing_model(path: Path, files: list[Path]) -> str:
    if files:
        return f"{path} contains several models: give one of {', '.join(file.name for file in files)}"
    versions = list_versions(path)
    if versions:
        return f"{path} is a folder of versions: give one of them, such as {versions[max(versions)]}"
    return (
        f"{path} contains no model: give a folder with {SAVED_MODEL_FILE}, with a Keras file, "
        f"or with model/ and {CLASSES_PICKLE} (the older layout)"
    )


def _load_keras(path: Path) -> TrainedModel:
    text = (
        f"Keras {keras.__version__} cannot load {path}: {{}}; if it has custom layers or functions, load it with "
        "keras.models.load_model(path, custom_objects=...) where they are defined, and export the loaded model"
    )
    with reraise_as(InvalidArgument, text), explain_file_fault(path), quiet():
        return KerasModel(keras.models.load_model(path, compile=False))
