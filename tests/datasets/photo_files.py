"""Writes small photos for tests."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from PIL import Image

_numbers = count(1)


def write_photo(path: Path, number: int | None = None) -> Path:
    """Writes a photo that differs from all others, or the one of a number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    value = next(_numbers) if number is None else number
    colour = (value % 256, value // 256 % 256, value >> 16)
    Image.new("RGB", (4, 3), colour).save(path, "PNG" if path.suffix.lower() == ".png" else "BMP")
    return path


def write_classes(folder: Path, **counts: int) -> Path:
    """Writes a folder for each class, with so many photos."""
    for label, number in counts.items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        for index in range(number):
            write_photo(folder / label / f"{index}.png")
    return folder
