"""Finds photos with their classes: in folders, by the names of files, or in a CSV list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from lightship.datasets.label import label_from
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
_PARTS = (*TRAIN_NAMES, *VALID_NAMES, *TEST_NAMES)


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

    source: a folder with a folder for each class, whose subfolders belong to the class; with a pattern, any folder; a
        folder with one of both in `train` and in `val`, `valid` or `validation`, beside which a folder `test` is never
        used; or a CSV file, as `read_photo_list` describes it.
    pattern: where the classes are in the files' names, as `NamePattern` describes it. Files that it does not fit are
        skipped.

    Hidden files and folders are left out. The order is fixed by the names. Raises NotFound if the source does not exist
    or has no photo, PermissionDenied if it cannot be read, and InvalidArgument if it is no such source, if a pattern
    fits no file, and for a name that cannot be a label.
    """
    if not source.exists():
        raise NotFound(f"{source} does not exist: {_LAYOUTS}")
    if not source.is_dir():
        return _in_list(source, pattern)
    find = _in_class_folders if pattern is None else partial(_by_names, pattern=NamePattern(pattern))
    found = _in_parts(source, find)
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
            photos.append(LabelledPhoto(file, label_from(label, file)))
    unfit = next((one.path for one in skipped if is_photo(one.path)), None)
    if not photos and unfit is not None:
        raise InvalidArgument(
            f"the pattern {str(pattern)!r} fits none of the files in {source}, for example "
            f"{unfit.relative_to(source).as_posix()!r}: name the parts of the label in braces, and write * for the rest"
        )
    return FoundPhotos(tuple(photos), None, tuple(skipped))


def _in_parts(source: Path, find: Callable[[Path], FoundPhotos]) -> FoundPhotos:
    """Finds the photos in the folders for training and for validation, or in the source if it is not split."""
    folders, files = entries(source)
    if not _are_parts(folders):
        return find(source)
    train, valid = ([one for one in folders if one.name.lower() in names] for names in (TRAIN_NAMES, VALID_NAMES))
    others = [one for one in folders if one.name.lower() not in _PARTS]
    for part in (train, valid):
        if len(part) > 1:
            raise InvalidArgument(f"{source} has the folders {', '.join(one.name for one in part)}: keep one of them")
    training = find(train[0])
    beside = [SkippedPhoto(one, f"it is beside {train[0].name}") for one in (*others, *filter(is_photo, files))]
    if not valid:
        return replace(training, skipped=(*training.skipped, *beside))
    validation = find(valid[0])
    skipped = (*training.skipped, *validation.skipped, *beside)
    return FoundPhotos(training.photos, validation.photos, skipped, training.empty)


def is_split(source: Path) -> bool:
    """Returns whether the folders in a source are the parts of a split, and not classes of which one is called train.

    Raises PermissionDenied or NotFound if the source cannot be listed.
    """
    return _are_parts(entries(source)[0])


def _are_parts(folders: Sequence[Path]) -> bool:
    names = {one.name.lower() for one in folders}
    if names.isdisjoint(TRAIN_NAMES) or not names.isdisjoint(VALID_NAMES):
        return not names.isdisjoint(TRAIN_NAMES)
    # A folder called train, alone with its photos, is the folder of a class.
    return names <= set(_PARTS) and (len(folders) > 1 or bool(entries(folders[0])[0]))


def _in_class_folders(source: Path) -> FoundPhotos:
    folders, files = entries(source)
    if not folders and any(map(is_photo, files)):
        raise InvalidArgument(f"{source} has photos, but no folders that name their classes: {_LAYOUTS}")
    photos: list[LabelledPhoto] = []
    skipped = [SkippedPhoto(file, "it is not in the folder of a class") for file in files if is_photo(file)]
    empty: list[str] = []
    for folder in folders:
        label, before = label_from(folder.name, folder), len(photos)
        for file in files_below(folder):
            if is_photo(file):
                photos.append(LabelledPhoto(file, label))
            else:
                skipped.append(_not_a_photo(file))
        if len(photos) == before:
            empty.append(label)
    return FoundPhotos(tuple(photos), None, tuple(skipped), tuple(empty))


def _not_a_photo(file: Path) -> SkippedPhoto:
    return SkippedPhoto(file, f"its name does not end in {', '.join(IMAGE_SUFFIXES)}")
