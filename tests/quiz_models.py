"""A model with labels that takes photos, as far as its bundle says; it is made without TensorFlow."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from tests.image_samples import encode

from lightship.bundle.labels import labels_text
from lightship.bundle.manifest import Manifest, write_manifest
from lightship.images.spec import ImageSpec

JPEG, PNG = (encode(Image.new("RGB", (40, 30), "teal"), kind) for kind in ("JPEG", "PNG"))


def with_labels(model: Path, folder: Path, labels: Sequence[str], *, image: bool = True) -> Path:
    """Returns a copy of a model folder in `folder`, with labels, and an image spec unless `image` is False."""
    shutil.copytree(model, folder)
    for version in folder.iterdir():
        extra = version / "assets.extra"
        extra.mkdir(exist_ok=True)
        (extra / "labels.txt").write_text(labels_text(labels))
        spec = ImageSpec(8, 8, preprocessing="none") if image else None
        write_manifest(version, Manifest("2026-01-01T00:00:00+00:00", {}, {}, "labels.txt", spec))
    return folder
