"""Writes the files beside it with PyTorch, which the tests do not need: make.py [LITE0.pth]

`zip.pth` and `legacy.pth` have the same tensors in the two formats of torch.save. With the weights of
EfficientNet-Lite0, and with the package efficientnet-lite-pytorch 0.1.0 installed, `torch_answers.npz` gets the
probabilities that PyTorch gives for three photos of foolbox, prepared as Lightship does.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).parent
PHOTOS = ("imagenet_00_243.jpg", "imagenet_02_438.jpg", "imagenet_04_949.jpg")


def write_tensors() -> None:
    whole = torch.arange(12, dtype=torch.float32).reshape(3, 4) / 4
    tensors = {
        "float": whole,
        "transposed": whole.T,
        "part": whole[1:, 2:],
        "scalar": torch.tensor(2.5),
        "empty": torch.empty(0, 3),
        "parameter": torch.nn.Parameter(whole[0].clone()),
        "double": whole.double(),
        "half": whole.half(),
        "bfloat16": whole.bfloat16(),
        "long": torch.tensor([-(2**40), 3]),
        "int": torch.tensor([-3, 3], dtype=torch.int32),
        "short": torch.tensor([-3, 3], dtype=torch.int16),
        "char": torch.tensor([-3, 3], dtype=torch.int8),
        "byte": torch.tensor([3, 200], dtype=torch.uint8),
        "bool": torch.tensor([True, False]),
    }
    torch.save(tensors, FOLDER / "zip.pth")
    torch.save(tensors, FOLDER / "legacy.pth", _use_new_zipfile_serialization=False)


def write_answers(weights: Path) -> None:
    from demo.assets import fetch
    from efficientnet_lite_pytorch import EfficientNet

    from lightship.images.prepare import prepare
    from lightship.training.weights.efficientnet_lite0 import IMAGE

    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(weights))
    network.eval()
    photos = {photo.name: photo for photo in fetch().photos if photo.name in PHOTOS}
    with torch.no_grad():
        images = np.stack([prepare(photos[name].read_bytes(), IMAGE) for name in PHOTOS]).transpose(0, 3, 1, 2)
        rows = torch.softmax(network(torch.from_numpy(images.copy())), dim=1).numpy()
    np.savez_compressed(FOLDER / "torch_answers.npz", **dict(zip(PHOTOS, rows, strict=True)))


if __name__ == "__main__":
    write_tensors()
    if len(sys.argv) > 1:
        write_answers(Path(sys.argv[1]))
