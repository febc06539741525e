"""Small networks, images and datasets for the tests of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

PETS = ["cat", "dog", "bär"]
SIZE = 16
SHAPE = (SIZE, SIZE, 3)


def small_network(shape: tuple[int | None, int | None, int] = SHAPE, seed: int = 1) -> keras.Model:
    """A network that ends with feature maps [N, 4, 4, 8], of two blocks with batch normalisation."""
    keras.utils.set_random_seed(seed)
    images = x = keras.Input(shape, name="photo")
    for number, filters in ((1, 4), (2, 8)):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", name=f"block{number}_conv")(x)
        x = keras.layers.BatchNormalization(momentum=0.0, name=f"block{number}_bn")(x)
        x = keras.layers.ReLU(name=f"block{number}_out")(x)
    return keras.Model(images, x, name="small")


def small_base(folder: Path, **options: Any) -> Path:
    """The Keras file of a small network."""
    path = folder / "small.keras"
    small_network(**options).save(path)
    return path


def pixels_of(label: int, count: int, seed: int = 0, size: int = SIZE) -> NDArray[np.uint8]:
    """Photos of a class, uint8 [count, size, size, 3]: each class has its colour, with noise."""
    generator = np.random.default_rng(100 * seed + label)
    photos = generator.integers(0, 100, (count, size, size, 3))
    photos[..., label] += 150
    return photos.astype(np.uint8)


def labelled(each: int, seed: int = 0, size: int = SIZE) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Photos of three classes, `each` of every one, in turn, and their one-hot labels."""
    photos = np.stack([pixels_of(label, each, seed, size) for label in range(3)], axis=1)
    return photos.reshape(-1, size, size, 3), np.tile(np.eye(3, dtype=np.float32), (each, 1))


def write_photo(path: Path, pixels: NDArray[np.uint8]) -> Path:
    Image.fromarray(pixels).save(path)
    return path
