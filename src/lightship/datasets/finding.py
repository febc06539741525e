"""Finds photos with their classes: in folders, by the names of files, or in a CSV list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lightship.datasets.name_pattern import NamePattern
from lightship.datasets.photo import LabelledPhoto, SkippedPhoto
from lightship.datasets.photo_list import LIST_SUFFIXES, TEST_NAMES, TRAIN_NAMES, VALID_NAMES, read_photo_list
from lightship.datasets.walking import entries, files_below, is_photo
from lightship.errors import InvalidArgument, NotFound
from lightship.suffixes import IMAGE_SUFFIXES

_LAYOUTS = (
    "give a folder with a folder for each class, a folder with such folders in train and val, a pattern for the names "
    "of the files such as '{make}_{model}_*.jpg', or a CSV file with the columns path and label"
)


@dataclass(frozen=True, slots=True)
class FoundPhotos:
    """Photos with their labels, as they were found."""

    # All of them, or only those for training if `valid` has others.
    photos: tuple[LabelledPhoto, ...]
    # Those for validation; None if the source does not say which these are.
    valid: tuple[LabelledPhoto, ...] | None
    # Files that are not used, and why.
    skipped: tuple[SkippedPhoto, ...] = ()
    # Classes that have a folder without photos.
    empty: tuple[str, ...] = ()


def find_photos(source: Path, *, pattern: str | None = None) -> FoundPhotos:
    """Finds the photos of a source, and their classes. The photos are not opened.

    source: a folder with a folder for each class, whose subfolders belong to the class; with a pattern, any folder;
        a folder that has such folders in `train` and in `val`, `valid` or `validation`, beside which a folder `test` is
        never used; or a CSV file, as `read_photo_list` describes it.
    pattern: where the classes are in the files' names, as `NamePattern` describes it.

    A label has no blanks around it. Hidden files and folders are left out. The order is fixed by the names. Raises
    NotFound if the source does not exist or has no photo, PermissionDenied if it cannot be read, and InvalidArgument if
    it is no such source, or a pattern fits no file.
    """
    if not source.exists():
        raise NotFound(f"{source} does not exist: {_LAYOUTS}")
    if not source.is_dir():
        return _in_list(source, pattern)
    found = _in_folders(source, None if pattern is None else NamePattern(pattern))
    if not found.photos and not found.valid:
        raise NotFound(f"{source} has no photos, which end in {', '.join(IMAGE_SUFFIXES)}: {_LAYOUTS}")
    return found


def _in_list(file: Path, pattern: str | None) -> FoundPhotos:
    if file.suffix.lower() not in LIST_SUFFIXES:
        raise InvalidArgument(f"{file} is neither a folder nor a CSV file: {_LAYOUTS}")
    if pattern is not None:
        raise InvalidArgument(f"the list {file} has the labels, so the pattern {pattern!r} has no effect: leave it out")
    listed = read_photo_list(file)
    if not listed.train and not listed.valid:
        raise NotFound(f"{file} lists no photos: give a path and a label in each line")
    return FoundPhotos(listed.train, listed.valid, listed.skipped)


def _by_names(source: Path, pattern: NamePattern) -> FoundPhotos:
    photos, skipped = [], []
    for file in files_below(source):
        if not is_photo(file):
            skipped.append(_not_a_photo(file))
            continue
        label = pattern.label(file.relative_to(source))
        if label is None:
            skipped.append(SkippedPhoto(file, f"the pattern {str(pattern)!r} does not fit its name"))
        else:
            photos.append(LabelledPhoto(file, label.strip()))
    unfit = next((one.path for one in skipped if is_photo(one.path)), None)
    if not photos and unfit is not None:
        raise InvalidArgument(
            f"the pattern {str(pattern)!r} fits none of the files in {source}, for example "
            f"{unfit.relative_to(source).as_posix()!r}: name the parts of the label in braces, and write * for the rest"
        )
    return FoundPhotos(tuple(photos), None, tuple(skipped))


def _in_folders(source: Path, pattern: NamePattern | None) -> FoundPhotos:
    folders, files = entries(source)
    train = _part(folders, TRAIN_NAMES, source)
    if train is None or not _is_split(train, folders, files, pattern):
        return _classes(source, pattern)
    training = _classes(train, pattern)
    valid = _part(folders, VALID_NAMES, source)
    if valid is None:
        return training
    validation = _classes(valid, pattern)
    skipped = (*training.skipped, *validation.skipped)
    return FoundPhotos(training.photos, validation.photos, skipped, training.empty)


def _classes(source: Path, pattern: NamePattern | None) -> FoundPhotos:
    """Finds the photos of a folder that is not split, or of one part of a split."""
    return _class_folders(source, *entries(source)) if pattern is None else _by_names(source, pattern)


def _part(folders: Sequence[Path], names: Sequence[str], source: Path) -> Path | None:
    """Returns the folder of a part of the photos, such as those for training."""
    found = [folder for folder in folders if folder.name.lower() in names]
    if len(found) > 1:
        raise InvalidArgument(f"{source} has the folders {', '.join(one.name for one in found)}: keep one of them")
    return found[0] if found else None


def _is_split(train: Path, folders: Sequence[Path], files: Sequence[Path], pattern: NamePattern | None) -> bool:
    """Returns whether folders are parts of a split, not classes of which one is called train.

    Raises InvalidArgument for parts of a split without the classes of their photos.
    """
    known = (*TRAIN_NAMES, *VALID_NAMES, *TEST_NAMES)
    if not all(one.name.lower() in known for one in folders):
        return False
    if pattern is not None:
        return not any(map(is_photo, files))
    inside, beside = entries(train)
    if len(folders) > 1 and any(map(is_photo, beside)):
        raise InvalidArgument(f"{train} has photos, but not in folders that name their classes: {_LAYOUTS}")
    return bool(inside) and not any(map(is_photo, beside))


def _class_folders(source: Path, folders: Sequence[Path], files: Sequence[Path]) -> FoundPhotos:
    if not folders and any(map(is_photo, files)):
        raise InvalidArgument(f"{source} has photos, but no folders that name their classes: {_LAYOUTS}")
    photos: list[LabelledPhoto] = []
    skipped = [SkippedPhoto(file, "it is not in the folder of a class") for file in files if is_photo(file)]
    empty: list[str] = []
    for folder in folders:
        before = len(photos)
        for file in files_below(folder):
            if is_photo(file):
                photos.append(LabelledPhoto(file, folder.name.strip()))
            else:
                skipped.append(_not_a_photo(file))
        if len(photos) == before:
            empty.append(folder.name)
    return FoundPhotos(tuple(photos), None, tuple(skipped), tuple(empty))


def _not_a_photo(file: Path) -> SkippedPhoto:
    return SkippedPhoto(file, f"its name does not end in {', '.join(IMAGE_SUFFIXES)}")
