"""Finds out what an argument of a command is: an address, a photo, a Keras file, a model's folder, and so on."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path

from lightship.client.address import is_address
from lightship.errors import LightshipError
from lightship.images.formats import image_format
from lightship.saved_model.versions import (
    CLASSES_PICKLE,
    SAVED_MODEL_FILE,
    SAVED_MODEL_TEXT,
    has_model,
    has_saved_model,
    list_versions,
    version_number,
)
from lightship.store.urls import is_store_url
from lightship.suffixes import IMAGE_SUFFIXES, KERAS_SUFFIXES, TFLITE_SUFFIX

_CLASSES_SUFFIXES = (".txt", ".json", ".csv", ".pickle")
FILE_SUFFIXES = (*IMAGE_SUFFIXES, *KERAS_SUFFIXES, TFLITE_SUFFIX, *_CLASSES_SUFFIXES)
_LOOKED_AT = 1000  # entries of a folder


class Kind(Enum):
    """What an argument is, in words for messages."""

    EMPTY = "empty"
    ADDRESS = "a server's address"
    STORE = "a place in an object store"
    PHOTO = "a photo"
    KERAS = "a Keras file"
    TFLITE = "a model for LiteRT"
    CLASSES = "a file of text"
    GRAPH = "the graph of a SavedModel"
    FILE = "a file"
    VERSION = "a version of a model"
    SAVED_MODEL = "the folder of a SavedModel"
    MODEL = "a model's folder"
    MODELS = "a folder of models"
    PHOTOS = "a folder of photos"
    FOLDER = "a folder"
    MISSING = "neither a file nor a folder"


FILES = frozenset({Kind.PHOTO, Kind.KERAS, Kind.TFLITE, Kind.CLASSES, Kind.GRAPH, Kind.FILE})


def kind_of(text: str) -> Kind:
    """Returns what an argument is. Only the first bytes of a file are read."""
    if not text.strip():
        return Kind.EMPTY
    if "://" in text:
        if text.startswith("file://"):
            return Kind.FOLDER
        return Kind.STORE if is_store_url(text) else Kind.ADDRESS
    if os.path.isdir(text):
        return _kind_of_folder(Path(text))
    if os.path.isfile(text):
        return _kind_of_file(Path(text))
    if is_address(text):
        return Kind.ADDRESS
    return Kind.FILE if os.path.exists(text) else Kind.MISSING


def _kind_of_file(path: Path) -> Kind:
    suffix = path.suffix.lower()
    if path.name in (SAVED_MODEL_FILE, SAVED_MODEL_TEXT):
        return Kind.GRAPH
    if suffix in KERAS_SUFFIXES:
        return Kind.KERAS
    if suffix == TFLITE_SUFFIX:
        return Kind.TFLITE
    if suffix in IMAGE_SUFFIXES or image_format(_first_bytes(path)):
        return Kind.PHOTO
    return Kind.CLASSES if suffix in _CLASSES_SUFFIXES else Kind.FILE


def kind_of_name(text: str) -> Kind:
    """Returns what a file that does not exist would be, by its suffix; `Kind.MISSING` if that does not tell."""
    suffix = Path(text).suffix.lower()
    for kind, suffixes in (
        (Kind.PHOTO, IMAGE_SUFFIXES),
        (Kind.KERAS, KERAS_SUFFIXES),
        (Kind.TFLITE, (TFLITE_SUFFIX,)),
        (Kind.CLASSES, _CLASSES_SUFFIXES),
    ):
        if suffix in suffixes:
            return kind
    return Kind.MISSING


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError:
        return b""


def _kind_of_folder(path: Path) -> Kind:
    if has_model(path) and version_number(path.resolve().name) is not None:
        return Kind.VERSION
    if has_saved_model(path):
        return Kind.SAVED_MODEL
    if _has_versions(path):
        return Kind.MODEL
    try:
        names = sorted(os.listdir(path))[:_LOOKED_AT]
    except OSError:
        return Kind.FOLDER
    if CLASSES_PICKLE in names or any(name.lower().endswith(KERAS_SUFFIXES) for name in names):
        return Kind.FOLDER
    if any(_has_versions(path / name) for name in names):
        return Kind.MODELS
    return Kind.PHOTOS if any(name.lower().endswith(IMAGE_SUFFIXES) for name in names) else Kind.FOLDER


def _has_versions(path: Path) -> bool:
    try:
        return any(has_model(version) for version in list_versions(path).values())
    except LightshipError:
        return False
