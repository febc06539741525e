"""A small classifier with a model of int8, photos for it, and faults that are put into it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lightship.bundle.golden import Golden
from lightship.bundle.int8 import INT8_MODEL, INT8_WEIGHTS
from lightship.bundle.manifest import GOLDEN_FILE, sealed

PETS = ["cat", "dog", "bird"]


def save_photos(folder: Path, count: int) -> Path:
    """Writes photos of patches, each mostly red, green or blue."""
    rng = np.random.default_rng(3)
    folder.mkdir(parents=True)
    for number in range(count):
        patches = rng.integers(0, 120, (4, 4, 3))
        patches[..., number % 3] += 100
        Image.fromarray(patches.astype(np.uint8).repeat(8, 0).repeat(8, 1)).save(folder / f"{number}.png")
    return folder


def classifier() -> Any:
    """A network that tells the colour of a photo: each filter looks at one colour, with a little noise."""
    import keras

    rng = np.random.default_rng(1)
    photo = keras.Input((32, 32, 3), name="photo")
    convolution = keras.layers.Conv2D(12, 3, strides=2, activation="relu")
    dense = keras.layers.Dense(3, "softmax")
    model = keras.Model(photo, dense(keras.layers.GlobalAveragePooling2D()(convolution(photo))))
    filters, classes = rng.normal(0, 0.02, (3, 3, 3, 12)), rng.normal(0, 0.1, (12, 3))
    for number in range(12):
        filters[:, :, number % 3, number] += 0.2
        classes[number, number % 3] += 0.5
    convolution.set_weights([filters, np.full(12, 0.5)])
    dense.set_weights([classes, np.zeros(3)])
    return model


def forge_digests(version: Path) -> None:
    """Makes the manifest agree with whatever the files are now."""
    path = version / "assets.extra" / "lightship.json"
    manifest = json.loads(path.read_text())
    for name, digest in manifest["files"].items():
        content = (version / name).read_bytes()
        digest.update(size=len(content), sha256=hashlib.sha256(content).hexdigest())
    path.write_text(json.dumps(sealed(manifest)))


def make_wrong(version: Path, amount: float = 1e-2) -> None:
    """Makes the model wrong: the trained model's answer for one row was another by `amount`."""
    file = version / "assets.extra" / GOLDEN_FILE
    golden = Golden.load(file)
    outputs = {name: array.copy() for name, array in golden.outputs.items()}
    for array in outputs.values():
        array[0, 0] += amount
    Golden(golden.inputs, outputs).save(file)
    forge_digests(version)


def make_int8_wrong(version: Path, amount: float = 0.1) -> None:
    """Adds `amount` to the last bias in the model of int8, with digests to match."""
    import openvino
    from openvino import opset15

    core = openvino.Core()
    core.set_property({"ENABLE_MMAP": False})
    model = core.read_model(version / INT8_MODEL)
    softmax = next(node for node in model.get_ordered_ops() if node.get_type_name() == "Softmax")
    shift = opset15.constant(np.array([[amount, 0, 0]], np.float32))
    moved = opset15.add(softmax.input(0).get_source_output(), shift)
    softmax.input(0).replace_source_output(moved.output(0))
    openvino.serialize(model, str(version / INT8_MODEL), str(version / INT8_WEIGHTS))
    forge_digests(version)
