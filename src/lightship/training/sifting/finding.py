"""Finds all photos below a folder, and the class and the split that their folders stand for."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lightship.datasets.finding import is_split
from lightship.datasets.photo import SkippedPhoto
from lightship.datasets.photo_list import TEST_NAMES, TRAIN_NAMES, VALID_NAMES
from lightship.datasets.walking import is_hidden, is_photo
from lightship.files import list_error

# Folders that may stand above those of the classes, in small letters, as `find_photos` knows them.
_NAMES = {"train": TRAIN_NAMES, "val": VALID_NAMES, "test": TEST_NAMES}
SPLITS = {name: split for split, names in _NAMES.items() for name in names}


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo, and what its folders say about it."""

    path: Path
    # Its path in the folder that was searched.
    place: Path
    # The name of the class's folder; None if it is in none.
    label: str | None
    # "train", "val" or "test"; None if the folders are not split.
    split: str | None


@dataclass(frozen=True, slots=True)
class FoundPhotos:
    """What there is below a folder, in the order of the paths."""

    photos: tuple[Photo, ...]
    skipped: tuple[SkippedPhoto, ...]


def photos_below(folder: Path) -> FoundPhotos:
    """Returns the photos below a folder, however deep, by the suffixes of their names.

    Names that begin with a dot are left out, and links to folders are followed once. A folder for each class is the
    first level, or the second below train/ and val/.
    """
    places: list[Path] = []
    skipped: list[SkippedPhoto] = []
    for inner, entries in _folders(folder, skipped):
        for entry in entries:
            if not is_photo(Path(entry.name)) or entry.is_dir():
                continue
            reason = _unusable(Path(entry.path))
            if reason is None:
                places.append(inner / entry.name)
            else:
                skipped.append(SkippedPhoto(Path(entry.path), reason))
    split = bool(places) and is_split(folder)
    photos = tuple(_photo(folder, place, split) for place in sorted(places))
    return FoundPhotos(photos, tuple(sorted(skipped, key=lambda one: one.path)))


def _folders(folder: Path, skipped: list[SkippedPhoto]) -> Iterator[tuple[Path, list[os.DirEntry[str]]]]:
    """Yields each folder with its entries that are not hidden. Links come last, so that they hide no real folder."""
    waiting = [Path()]
    links: list[Path] = []
    visited: set[tuple[int, int]] = set()
    while waiting or links:
        inner = waiting.pop() if waiting else links.pop()
        try:
            status = (folder / inner).stat()
            if (status.st_dev, status.st_ino) in visited:
                continue  # a link leads to a folder that was searched
            visited.add((status.st_dev, status.st_ino))
            entries = sorted(os.scandir(folder / inner), key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            skipped.append(SkippedPhoto(folder / inner, list_error(folder / inner, error).message))
            continue
        entries = [one for one in entries if not is_hidden(one.name)]
        for entry in entries:
            if entry.is_dir():
                (links if entry.is_symlink() else waiting).append(inner / entry.name)
        yield inner, entries


def _unusable(path: Path) -> str | None:
    """Returns why a file cannot be a photo: reading a pipe would never end."""
    try:
        kind = path.stat().st_mode
    except OSError as error:
        return f"{path} cannot be read: {error.strerror or error}"
    return None if stat.S_ISREG(kind) else f"{path} is not a regular file"


def _photo(folder: Path, place: Path, split: bool) -> Photo:
    folders = place.parts[:-1]
    level = 1 if split else 0
    label = folders[level] if len(folders) > level else None
    return Photo(folder / place, place, label, SPLITS.get(folders[0].lower()) if split and folders else None)
