"""The photos of `lightship compare`, with their labels if there are any."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lightship.cli.advice import COMPARED_PHOTOS, check_argument
from lightship.cli.photos import named_photos
from lightship.datasets import SkippedPhoto, find_photos
from lightship.errors import LightshipError, NotFound
from lightship.files import list_error
from lightship.suffixes import IMAGE_SUFFIXES


@dataclass(frozen=True, slots=True)
class ComparedPhotos:
    """The photos that both models are asked about."""

    paths: tuple[Path, ...]
    # In the order of the paths; None if the photos have no labels.
    labels: tuple[str, ...] | None
    # Files of the source that are not compared, and why.
    skipped: tuple[SkippedPhoto, ...] = ()


def compared_photos(source: str, pattern: str | None) -> ComparedPhotos:
    """Finds the photos of `--on`.

    source: what `find_photos` takes, or a folder that has photos directly in it, which then have no labels. If there is
        a validation part, only that is used.
    pattern: where the labels are in the files' names, as for `find_photos`.

    Raises NotFound, InvalidArgument or PermissionDenied.
    """
    check_argument(source, COMPARED_PHOTOS)
    if pattern is None and _is_plain_folder(source):
        return ComparedPhotos(tuple(_photos_in(source)), None)
    found = find_photos(Path(source), pattern=pattern)
    photos = found.photos if found.valid is None else found.valid
    if not photos:
        raise NotFound(f"{source} has no photos for validation, so there is nothing to compare the models on")
    return ComparedPhotos(tuple(one.path for one in photos), tuple(one.label for one in photos), found.skipped)


def _is_plain_folder(source: str) -> bool:
    """Whether a folder has photos directly in it, and no folders that could be classes."""
    if not os.path.isdir(source):
        return False
    try:
        with os.scandir(source) as entries:
            visible = [one for one in entries if not one.name.startswith(".")]
            has_folders = any(one.is_dir() for one in visible)
    except OSError as error:
        raise list_error(source, error) from error
    return not has_folders and any(Path(one.name).suffix.lower() in IMAGE_SUFFIXES for one in visible)


def _photos_in(folder: str) -> list[Path]:
    found: list[Path] = []
    for photo in named_photos([folder], COMPARED_PHOTOS):
        if isinstance(photo, LightshipError):
            raise photo
        found.append(Path(photo.name))
    return found
