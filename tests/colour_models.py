"""Versions of a small model that names the colour of a photo, and such photos. Each class is right by construction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {
    "blue": (30, 30, 220),
    "cyan": (30, 220, 220),
    "green": (30, 220, 30),
    "magenta": (220, 30, 220),
    "red": (220, 30, 30),
    "yellow": (220, 220, 30),
}
SIDE = 8


def export_colour_model(folder: Path, answers: Sequence[str] = tuple(COLOURS)) -> Path:
    """Exports the next version of the model and returns its folder.

    answers: the label that it gives to each of the colours, in their order.
    """
    import keras

    from lightship.images.spec import ImageSpec
    from lightship.packaging import export

    inputs = keras.Input((SIDE, SIDE, 3))
    outputs = keras.layers.Dense(len(answers), activation="softmax")(keras.layers.GlobalAveragePooling2D()(inputs))
    model = keras.Model(inputs, outputs)
    towards = np.array(list(COLOURS.values()), np.float32) / 255 - 0.5
    model.layers[-1].set_weights([12 * towards.T, -6 * towards.sum(1)])
    labels = list(answers)
    spec = ImageSpec(preprocessing={"scale": 1 / 255})
    return export(model, folder, classes=labels, image=spec, explain=False, progress=False)


def save_colour_photos(folder: Path, photos: int = 4) -> Path:
    """Writes a folder with photos for each colour, and returns it. No two photos are alike."""
    random = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for index in range(photos):
            pixels = np.clip(np.array(colour) + random.normal(0, 20, (12, 16, 3)), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{index}.png")
    return folder
