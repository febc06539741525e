"""Loads a version, or a folder of the older layout, back as a Keras model."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from lightship.bundle.bundle import open_bundle
from lightship.bundle.manifest import EXTRAS
from lightship.errors import InvalidArgument
from lightship.images.spec import ImageSpec
from lightship.packaging.legacy_frame import read_classes_pickle
from lightship.packaging.library_errors import reraise_as
from lightship.packaging.quiet import quiet
from lightship.saved_model.reader import read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE
from lightship.saved_model.version_folder import find_version
from lightship.saved_model.versions import CLASSES_PICKLE
from lightship.suffixes import KERAS_SUFFIXES
from lightship.training.bases import KERAS_FILE
from lightship.training.classic import MODEL
from lightship.training.keras_file import read_keras_file


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model with what its folder says of it."""

    model: keras.Model
    classes: tuple[str, ...] | None
    # With a height and a width.
    image: ImageSpec | None
    # Whether it is the Keras model itself, which can be trained further.
    can_train: bool


def load_trained(folder: str | os.PathLike[str], version: int | None = None) -> LoadedModel:
    """Loads a model.

    folder: a model's folder, of which the newest version is loaded unless `version` says otherwise; a version folder;
        a folder of the older layout; or a Keras file.

    A SavedModel without its Keras model can only predict. Raises NotFound if there is no version or not this one,
    DataLoss if its files are broken or were changed, and InvalidArgument for what is not such a model.
    """
    path = Path(folder)
    if path.suffix.lower() in KERAS_SUFFIXES and path.is_file():
        return LoadedModel(read_keras_file(path), None, None, can_train=True)
    if (path / MODEL).is_dir() and (path / CLASSES_PICKLE).is_file():
        _refuse_version(path, version)
        model, can_train = _model_in(path / MODEL)
        return LoadedModel(model, read_classes_pickle(path / CLASSES_PICKLE), None, can_train)
    found = find_version(path, version)
    bundle = open_bundle(found.path, found.model, found.version)
    model, can_train = _model_in(found.path)
    return LoadedModel(model, bundle.labels, bundle.image, can_train)


def _refuse_version(path: Path, version: int | None) -> None:
    if version is not None:
        raise InvalidArgument(f"version is {version}, but {path} is in the older layout, without versions")


def _model_in(path: Path) -> tuple[keras.Model, bool]:
    """Returns the Keras model of a version folder and whether it is the trained one, not only the SavedModel."""
    file = path / EXTRAS / KERAS_FILE
    return (read_keras_file(file), True) if file.is_file() else (_predicting(path), False)


def _predicting(path: Path) -> keras.Model:
    """Returns a Keras model that runs `serving_default` of a SavedModel."""
    signature = read_saved_model(path).signatures.get(DEFAULT_SIGNATURE)
    if signature is None or len(signature.inputs) != 1 or len(signature.outputs) != 1:
        raise InvalidArgument(f"{path} has no {DEFAULT_SIGNATURE} of one input and one output: use lightship.load")
    ((name, one),) = signature.inputs.items()
    shape: Any = tuple(None if size < 0 else size for size in one.shape or ())[1:]
    text = f"Keras {keras.__version__} cannot load the SavedModel {path}: {{}}; use lightship.load"
    with reraise_as(InvalidArgument, text), quiet():
        layer = keras.layers.TFSMLayer(str(path), call_endpoint=DEFAULT_SIGNATURE, trainable=False)
        images = keras.Input(shape, dtype=one.dtype.numpy, name=name)
        (scores,) = layer(images).values()
        return keras.Model(images, scores)
