"""Networks of usual sizes as versions with a golden sample, made once. Their weights are random: they take as long as
trained ones, but what they answer means nothing.

Usage: python -m benchmarks.networks FOLDER
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Network:
    """side: the height and width of its photos, in pixels."""

    name: str
    side: int
    preprocessing: str


NETWORKS = (
    Network("MobileNetV2", 160, "mobilenet_v2"),
    Network("EfficientNetB0", 224, "none"),
    Network("ResNet50V2", 224, "resnet_v2"),
)


def versions() -> dict[str, Path]:
    """The version folders by the networks' names. TensorFlow makes them, in a process of its own."""
    folder = ROOT / ".cache" / "benchmarks" / "networks"
    found = {network.name: folder / network.name / "1" for network in NETWORKS}
    if not all(path.exists() for path in found.values()):
        subprocess.run([sys.executable, "-m", "benchmarks.networks", str(folder)], cwd=ROOT, check=True)
    return found


def _make(folder: Path) -> None:
    import keras

    from lightship import export
    from lightship.images.spec import ImageSpec
    from lightship.packaging import UninformativeGoldenWarning

    for network in NETWORKS:
        if (folder / network.name / "1").exists():
            continue
        keras.utils.set_random_seed(1)
        make = getattr(keras.applications, network.name)
        model = make(input_shape=(network.side, network.side, 3), weights=None, classes=100)
        image = ImageSpec(preprocessing=network.preprocessing)
        labels = [f"class {number}" for number in range(100)]
        warnings.simplefilter("ignore", UninformativeGoldenWarning)  # random weights hardly look at a photo
        export(model, folder / network.name, classes=labels, image=image, explain=False, version=1)


if __name__ == "__main__":
    _make(Path(sys.argv[1]))
