"""Photos of three colours, a base so small that it trains in seconds, and options that use both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lightship.training.run.options import TrainOptions

CLASSES = ("blau ü", "green", "red")
SIZE = 16

_TINTS = {"red": (200, 60, 60), "green": (60, 200, 60), "blau ü": (60, 60, 200)}


def write_photos(folder: Path, count: int = 12) -> Path:
    """Writes a folder of photos for each class, some of whose names are odd, and returns `folder`."""
    generator = np.random.default_rng(3)
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = generator.normal(_TINTS[name], 90, (5, 4, 3)).clip(0, 255).astype(np.uint8)
            photo = Image.fromarray(pixels).resize((20 + number, 24), Image.Resampling.BILINEAR)
            photo.save(folder / name / f"{name} #{number}.{'png' if number % 3 else 'jpg'}")
    return folder


def write_base(path: Path) -> Path:
    """Writes a Keras model of images 16 x 16 with random weights that ends with feature maps, and returns its path."""
    import keras

    keras.utils.set_random_seed(5)
    photo = keras.Input((SIZE, SIZE, 3), name="photo")
    x = keras.layers.Conv2D(6, 3, strides=2, name="first")(photo)
    x = keras.layers.BatchNormalization(name="normal")(x)
    x = keras.layers.Activation("relu", name="active")(x)
    x = keras.layers.Conv2D(12, 3, activation="relu", name="second")(x)
    keras.Model(photo, x, name="tiny").save(path)
    return path


def options(photos: Path, base: Path, output: Path, **changes: Any) -> TrainOptions:
    """Returns options for a training of a few seconds: three epochs of each phase, with several batches each."""
    usual: dict[str, Any] = {
        "preprocess": "mobilenet_v2",
        "epochs": 3,
        "fine_tune_epochs": 3,
        "learning_rate": 0.02,
        "fine_tune_rate": 0.005,
        "batch_size": 8,
        "seed": 7,
    }
    return TrainOptions(photos, output, base=str(base), **{**usual, **changes})
