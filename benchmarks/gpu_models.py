"""The models of `benchmarks.gpu`: classifiers of random weights whose answers differ from photo to photo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

SIZES = {"MobileNetV2": 160, "EfficientNetB0": 224, "ResNet50V2": 224}


def keras_model(name: str, size: int, classes: int = 19) -> Any:
    """Returns a model of `keras.applications` with random weights, for images of `size` times `size`.

    Its normalizations have the statistics of a batch of noise. With those of an untrained model, EfficientNetB0 gives
    every image the same answer, and a comparison says nothing.
    """
    import keras

    keras.utils.set_random_seed(1)
    model = getattr(keras.applications, name)(input_shape=(size, size, 3), weights=None, classes=classes)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(images(16, size), training=True)
    return model


def images(rows: int, size: int, seed: int = 1) -> Any:
    """Returns noise as preprocessed images, [rows, size, size, 3] float32 from -1 to 1."""
    return np.random.default_rng(seed).uniform(-1, 1, (rows, size, size, 3)).astype(np.float32)


def export_model(name: str, size: int, folder: Path) -> Path:
    """Exports the model into its folder, with ONNX files, and returns the version folder."""
    import lightship
    from lightship.packaging.onnx import add_onnx
    from lightship.saved_model.version_folder import find_version

    version = lightship.export(keras_model(name, size), folder / name.lower(), image=False, explain=False)
    add_onnx(find_version(version), ["f32", "fp16"])
    return version
