"""The photos of `lightship compare`, with their labels if there are any."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lightship.cli.advice import COMPARED_PHOTOS, check_argument
from lightship.cli.explain_photos import progress_bar
from lightship.cli.photos import named_photos
from lightship.datasets import SkippedPhoto, find_photos, read_photo_set
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


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Which photos `lightship train` sets aside for validation."""

    valid_share: float
    seed: int


def compared_photos(source: str, pattern: str | None, held_out: HeldOut | None = None) -> ComparedPhotos:
    """Finds the photos of `--on`.

    source: what `find_photos` takes, or a folder that has photos directly in it, which then have no labels. If there is
        a validation part, only that is used.
    pattern: where the labels are in the files' names, as for `find_photos`.
    held_out: use only the photos that a training with these settings sets aside.

    Raises NotFound, InvalidArgument or PermissionDenied.
    """
    check_argument(source, COMPARED_PHOTOS)
    if held_out is not None:
        return _held_out(source, pattern, held_out)
    if pattern is None and _is_plain_folder(source):
        return ComparedPhotos(tuple(_photos_in(source)), None)
    found = find_photos(Path(source), pattern=pattern)
    photos = found.photos if found.valid is None else found.valid
    if not photos:
        raise NotFound(f"{source} has no photos for validation, so there is nothing to compare the models on")
    return ComparedPhotos(tuple(one.path for one in photos), tuple(one.label for one in photos), found.skipped)


def _held_out(source: str, pattern: str | None, wanted: HeldOut) -> ComparedPhotos:
    """Reads every photo, as a training does: one that is there twice is drawn once."""
    found = find_photos(Path(source), pattern=pattern)
    with progress_bar("reading", len(found.photos) + len(found.valid or ())) as update:
        photos = read_photo_set(
            Path(source),
            pattern=pattern,
            valid_share=wanted.valid_share,
            seed=wanted.seed,
            min_photos=0,
            keep_rare=True,  # the photos of a class are drawn without regard to other classes
            on_read=lambda done, _: update(done),
        )
    return ComparedPhotos(
        tuple(one.path for one in photos.valid), tuple(one.label for one in photos.valid), photos.unreadable
    )


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
