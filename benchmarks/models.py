"""The models of the benchmark, made once: a dense layer on 4 numbers, MobileNetV2 and ResNet50V2 of random weights.

Usage: python -m benchmarks.models FOLDER
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Model:
    """row: the shape of one instance. cores: that the server gets."""

    name: str
    title: str
    row: tuple[int, ...]
    cores: int


MODELS = (
    Model("toy", "toy, a dense layer on 4 numbers", (4,), 1),
    Model("mobilenet", "MobileNetV2 160x160x3, float list", (160, 160, 3), 2),
    Model("resnet", "ResNet50V2 224x224x3, float list", (224, 224, 3), 2),
)


def made() -> Path:
    """The folder that holds the models' folders. TensorFlow makes them, in a process of its own."""
    folder = ROOT / ".cache" / "benchmarks"
    if not all((folder / model.name / "1").exists() for model in MODELS):
        subprocess.run([sys.executable, "-m", "benchmarks.models", str(folder)], cwd=ROOT, check=True)
    return folder


def _make(folder: Path) -> None:
    import keras

    inputs = keras.Input((4,))
    toy = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    mobilenet = keras.applications.MobileNetV2(input_shape=(160, 160, 3), weights=None, classes=19)
    resnet = keras.applications.ResNet50V2(input_shape=(224, 224, 3), weights=None, classes=300)
    for name, model in (("toy", toy), ("mobilenet", mobilenet), ("resnet", resnet)):
        model.export(str(folder / name / "1"), verbose=False)


if __name__ == "__main__":
    _make(Path(sys.argv[1]))
