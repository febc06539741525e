"""The photos of a training: found, checked and split."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lightship.datasets.finding import FoundPhotos, find_photos
from lightship.datasets.photo import LabelledPhoto, SkippedPhoto
from lightship.datasets.reading import OnRead, read_photos
from lightship.datasets.splitting import by_class, split
from lightship.errors import InvalidArgument

FEWEST_CLASSES = 2
DEFAULT_VALID_SHARE = 0.2
DEFAULT_MIN_PHOTOS = 5


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """Photos for training and for validation."""

    train: tuple[LabelledPhoto, ...]
    valid: tuple[LabelledPhoto, ...]
    # Sorted by name.
    classes: tuple[str, ...]
    # Files that are not used, and why: unreadable ones, duplicates, and those without a class.
    unreadable: tuple[SkippedPhoto, ...]
    # The classes with fewer photos than asked for, and how many they have; and whether they are kept. A class without
    # a photo that can be used is never kept.
    rare: Mapping[str, int]
    rare_kept: bool

    def counts(self) -> Mapping[str, int]:
        """Returns the number of training photos of each class."""
        found = Counter(photo.label for photo in self.train)
        return {label: found[label] for label in self.classes}


def read_photo_set(
    source: Path,
    *,
    pattern: str | None = None,
    valid_share: float = DEFAULT_VALID_SHARE,
    seed: int = 0,
    min_photos: int = DEFAULT_MIN_PHOTOS,
    keep_rare: bool = False,
    check: bool = True,
    on_read: OnRead | None = None,
) -> PhotoSet:
    """Finds photos and splits them, with the same share of each class for validation.

    source, pattern: as for `find_photos`.
    valid_share: the share of the photos for validation, if the source does not say which these are.
    seed: decides which photos these are. The same photos are split alike in another folder.
    min_photos: classes with fewer photos are left out, or kept with `keep_rare`.
    check: decode each photo. Then unreadable photos are left out, and a photo that is there more than once is used
        once, or not at all if it is in several classes. One that is for training and for validation is for validation.
    on_read: is called with how many photos were decoded, and how many there are.

    Raises InvalidArgument for options that are out of range and if fewer than two classes are left, and the errors of
    `find_photos`.
    """
    _check_options(valid_share, min_photos)
    found = find_photos(source, pattern=pattern)
    skipped = list(found.skipped)
    train, valid = list(found.photos), list(found.valid or ())
    if check:
        train, valid = _checked(train, valid, skipped, on_read)
    counts = Counter(photo.label for photo in (*train, *valid))
    rare = {label: counts[label] for label in sorted(_labels(found)) if counts[label] < max(min_photos, 1)}
    train, valid = (_of_used_classes(photos, rare, keep_rare) for photos in (train, valid))
    if found.valid is None:
        train, valid = split(train, _names(train, source), valid_share, seed)
    classes = tuple(by_class(train))
    valid = _of_known_classes(valid, classes, skipped)
    _check_parts(source, found, classes, rare, valid, skipped)
    return PhotoSet(tuple(train), tuple(valid), classes, tuple(skipped), rare, keep_rare)


def _labels(found: FoundPhotos) -> set[str]:
    """Returns all classes, also those without a photo that can be used."""
    return {*found.empty, *(photo.label for photo in (*found.photos, *(found.valid or ())))}


def _check_options(valid_share: float, min_photos: int) -> None:
    if not 0 < valid_share < 1:
        raise InvalidArgument(f"the share of photos for validation is {valid_share}; give a number between 0 and 1")
    if min_photos < 0:
        raise InvalidArgument(f"the minimum number of photos of a class is {min_photos}; give 0 or more")


def _checked(
    train: Sequence[LabelledPhoto],
    valid: Sequence[LabelledPhoto],
    skipped: list[SkippedPhoto],
    on_read: OnRead | None,
) -> tuple[list[LabelledPhoto], list[LabelledPhoto]]:
    """Returns the photos of both parts that can be used, and adds the others to `skipped`."""
    photos = [*valid, *train]  # so that a photo of both parts is kept for validation
    first: dict[bytes, LabelledPhoto] = {}
    again: list[tuple[LabelledPhoto, LabelledPhoto]] = []
    for photo, read in zip(photos, read_photos([photo.path for photo in photos], on_read), strict=True):
        if read.reason:
            skipped.append(SkippedPhoto(photo.path, read.reason))
        elif read.digest in first:
            again.append((photo, first[read.digest]))
        else:
            first[read.digest] = photo
    ambiguous: dict[LabelledPhoto, LabelledPhoto] = {}
    for photo, one in again:
        if photo.label != one.label:
            ambiguous.setdefault(one, photo)
        skipped.append(SkippedPhoto(photo.path, _same_as(photo, one)))
    skipped += (SkippedPhoto(one.path, _same_as(one, other)) for one, other in ambiguous.items())
    usable = {id(photo) for photo in first.values() if photo not in ambiguous}
    return [one for one in train if id(one) in usable], [one for one in valid if id(one) in usable]


def _same_as(photo: LabelledPhoto, other: LabelledPhoto) -> str:
    where = "" if photo.label == other.label else f", which is in the class {other.label!r}"
    return f"it is the same photo as {other.path}{where}"


def _of_used_classes(photos: Iterable[LabelledPhoto], rare: Mapping[str, int], keep_rare: bool) -> list[LabelledPhoto]:
    return [photo for photo in photos if keep_rare or photo.label not in rare]


def _names(photos: Iterable[LabelledPhoto], source: Path) -> dict[LabelledPhoto, str]:
    """Returns the path of each photo from the source, with `/`."""
    folder = source if source.is_dir() else source.parent
    return {photo: Path(os.path.relpath(photo.path, folder)).as_posix() for photo in photos}


def _of_known_classes(
    valid: Iterable[LabelledPhoto], classes: tuple[str, ...], skipped: list[SkippedPhoto]
) -> list[LabelledPhoto]:
    known, kept = set(classes), []
    for photo in valid:
        if photo.label in known:
            kept.append(photo)
        else:
            skipped.append(SkippedPhoto(photo.path, f"the class {photo.label!r} has no photos for training"))
    return kept


def _check_parts(
    source: Path,
    found: FoundPhotos,
    classes: Sequence[str],
    rare: Mapping[str, int],
    valid: Sequence[LabelledPhoto],
    skipped: Sequence[SkippedPhoto],
) -> None:
    """Raises InvalidArgument if there is not enough to train with."""
    if len(classes) < FEWEST_CLASSES:
        there = f"only the class {classes[0]!r}" if classes else "no class"
        text = f"{source} has {there} to train with, but two are needed"
        if rare:
            text += f"; these have too few photos: {_some(f'{name} ({count})' for name, count in rare.items())}"
        if skipped:
            text += f"; {len(skipped)} files are not used, such as {skipped[0].path}: {skipped[0].reason}"
        raise InvalidArgument(text)
    if not valid:
        part = "no photo for validation can be used" if found.valid is not None else "no class has two photos"
        raise InvalidArgument(f"{source} cannot be split, because {part}: add photos")


def _some(texts: Iterable[str], shown: int = 5) -> str:
    found = list(texts)
    return ", ".join(found[:shown]) + (f" and {len(found) - shown} more" if len(found) > shown else "")
