"""Splits photos into those for training and those for validation."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence

from lightship.datasets.photo import LabelledPhoto


def by_class(photos: Sequence[LabelledPhoto]) -> dict[str, list[LabelledPhoto]]:
    """Returns the photos of each class, with the classes sorted by name."""
    found: dict[str, list[LabelledPhoto]] = {}
    for photo in photos:
        found.setdefault(photo.label, []).append(photo)
    return dict(sorted(found.items()))


def split(
    photos: Sequence[LabelledPhoto], names: Mapping[LabelledPhoto, str], valid_share: float, seed: int
) -> tuple[list[LabelledPhoto], list[LabelledPhoto]]:
    """Returns the photos for training and those for validation, with the same share of each class.

    names: of each photo, by which it is drawn: not an absolute path, so that the same photos elsewhere are split alike.
    A class with several photos has at least one in each part; a single photo is for training. Which photos are drawn
    depends on their names and the seed alone, so that further photos move few of the others.
    """
    train: list[LabelledPhoto] = []
    valid: list[LabelledPhoto] = []
    for found in by_class(photos).values():
        drawn = sorted(found, key=lambda photo: _draw(names[photo], seed))
        most = len(found) - 1
        count = min(max(round(valid_share * len(found)), 1), most)
        chosen = set(drawn[:count])
        train += [photo for photo in found if photo not in chosen]
        valid += [photo for photo in found if photo in chosen]
    return train, valid


def _draw(name: str, seed: int) -> bytes:
    composed = unicodedata.normalize("NFC", name)  # macOS may write names decomposed
    return hashlib.sha256(f"{seed}\0{composed}".encode("utf-8", "surrogateescape")).digest()
