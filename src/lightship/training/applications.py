"""Networks of `keras.applications` without their classifiers, and their weights from Keras' files."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lightship.errors import InvalidArgument, NotFound, Unavailable
from lightship.packaging.library_errors import reason_of, reraise_as
from lightship.packaging.quiet import quiet
from lightship.training.bases import DEFAULT_SHAPE, IMAGENET, Shape, Weights

_MIN_SIDE = 32
_IMAGENET_CLASSES = 1000
_WEIGHTS_SUFFIXES = (".h5", ".hdf5", ".keras")

# The files of EfficientNetB0's ImageNet weights that Keras downloads, with and without the classifier, by their MD5.
_OFFICIAL_EFFICIENTNETB0 = frozenset({"902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"})
_IMAGENET_STD = (0.229, 0.224, 0.225)


def build_application(title: str, shape: Shape, weights: Weights) -> keras.Model:
    """Returns a network of `keras.applications` that ends with its feature maps.

    title: its name there, such as "ResNet50V2". weights: "imagenet", which Keras downloads; the path of a file that
    Keras wrote, with or without the network's classifier; or None for random ones.

    Raises InvalidArgument for a shape or a file that does not fit, NotFound for a file that does not exist, and
    Unavailable if the weights cannot be downloaded.
    """
    _check_shape(title, shape)
    make = getattr(keras.applications, title)
    if weights == IMAGENET:
        return _downloaded(title, make, shape)
    with quiet():
        network = make(include_top=False, weights=None, input_shape=shape)
    if weights is not None:
        _load_weights(title, make, network, Path(weights))
    return network


def _check_shape(title: str, shape: Shape) -> None:
    if min(shape[:2]) < _MIN_SIDE:
        raise InvalidArgument(
            f"shape is {shape!r}; {title} takes images of at least {_MIN_SIDE} x {_MIN_SIDE} pixels, such as "
            f"{DEFAULT_SHAPE}"
        )


def _downloaded(title: str, make: Callable[..., keras.Model], shape: Shape) -> keras.Model:
    if shape[2] != 3:
        raise InvalidArgument(
            f"shape is {shape!r}, but the ImageNet weights of {title} are for 3 channels: give weights=None "
            "(--weights none) for random ones"
        )
    try:
        with quiet(), redirect_stdout(sys.stderr):  # Keras shows how far the download is
            return make(include_top=False, weights=IMAGENET, input_shape=shape)
    except Exception as error:  # Keras raises Exception itself
        raise Unavailable(
            f"the ImageNet weights of {title} cannot be downloaded: {reason_of(error)}; give a file of them with "
            "weights=PATH (--weights PATH), or weights=None (--weights none) for random weights"
        ) from error


def _load_weights(title: str, make: Callable[..., keras.Model], network: keras.Model, path: Path) -> None:
    """Loads the weights of the network alone, or else those of the network with its ImageNet classifier."""
    _check_file(path)
    try:
        network.load_weights(str(path))
    except Exception as error:  # Keras and h5py raise many kinds
        text = (
            f"{path} does not have the weights of {title}: {reason_of(error)}; give a file that save_weights() of "
            f"keras.applications.{title} wrote"
        )
        with reraise_as(InvalidArgument, text), quiet():
            whole = make(include_top=True, weights=None, classes=_IMAGENET_CLASSES)
            whole.load_weights(str(path))
        _copy_weights(whole, network)
    if title == "EfficientNetB0" and _md5(path) in _OFFICIAL_EFFICIENTNETB0:
        _normalise_as_trained(network)


def _check_file(path: Path) -> None:
    if path.suffix.lower() not in _WEIGHTS_SUFFIXES:
        raise InvalidArgument(
            f"weights is {os.fspath(path)!r}; give 'imagenet', None, or a file of Keras: {', '.join(_WEIGHTS_SUFFIXES)}"
        )
    if not path.is_file():
        raise NotFound(f"the file of weights {path} does not exist: give one that save_weights() of Keras wrote")


def _copy_weights(source: keras.Model, target: keras.Model) -> None:
    for layer in target.layers:
        if layer.weights:
            _set_weights(layer, source.get_layer(layer.name).get_weights())


def _normalise_as_trained(network: keras.Model) -> None:
    """Makes EfficientNetB0 normalise the pixels as it does with `weights="imagenet"`.

    There, Keras adds a layer that divides them by the square roots of ImageNet's standard deviations; with a file it
    does not. Here the variances, of which the network takes the square roots, are multiplied by the deviations.
    """
    for layer in network.layers:
        if isinstance(layer, keras.layers.Normalization):
            mean, variance, *count = layer.get_weights()
            _set_weights(layer, [mean, variance * np.array(_IMAGENET_STD, variance.dtype), *count])


def _set_weights(layer: Any, weights: list[Any]) -> None:
    layer.set_weights(weights)
    if isinstance(layer, keras.layers.Normalization):
        layer.finalize_state()  # it computes with a copy of them


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
