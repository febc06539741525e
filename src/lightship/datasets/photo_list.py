"""Reads a list of photos and their classes from a CSV file."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from lightship.datasets.label import label_from
from lightship.datasets.photo import LabelledPhoto, SkippedPhoto
from lightship.errors import InvalidArgument
from lightship.files import read_error

LIST_SUFFIXES = (".csv", ".tsv")
_PATHS = ("path", "file", "filename", "file_name", "filepath", "image", "photo")
_LABELS = ("label", "class", "classname", "class_name", "category")
_SPLITS = ("split", "set", "subset")
_DELIMITERS = (",", ";", "\t")
_QUOTED = re.compile('"[^"]*"')
TRAIN_NAMES = ("train", "training")
VALID_NAMES = ("val", "valid", "validation")
TEST_NAMES = ("test", "testing")


@dataclass(frozen=True, slots=True)
class ListedPhotos:
    """The photos of a list. `valid` is None if the list does not say which photos are for validation."""

    train: tuple[LabelledPhoto, ...]
    valid: tuple[LabelledPhoto, ...] | None
    skipped: tuple[SkippedPhoto, ...]


@dataclass(frozen=True, slots=True)
class _Columns:
    """The numbers of the columns, from 0. `split` is None if there is none."""

    path: int
    label: int
    split: int | None


def read_photo_list(file: Path) -> ListedPhotos:
    """Reads a CSV file with the columns path and label, and optionally split, which says train, val or test.

    The first line may have the names of the columns; without one, they are in this order. Columns are separated by
    commas, semicolons or tabs, whichever the first line has most of. Relative paths start at the folder of the list.
    Photos for a test are not used.

    Raises InvalidArgument if the file is not such a list, and the errors of `read_error` if it cannot be read.
    """
    train: list[LabelledPhoto] = []
    valid: list[LabelledPhoto] = []
    skipped: list[SkippedPhoto] = []
    has_split = False
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            for line, columns, row in _rows(text, file):
                split = _split_of(row, columns, line, file)
                has_split = has_split or columns.split is not None
                photo = _photo(row, columns, line, file)
                if isinstance(photo, SkippedPhoto):
                    skipped.append(photo)
                elif split in VALID_NAMES:
                    valid.append(photo)
                elif split not in TEST_NAMES:
                    train.append(photo)
    except OSError as error:
        raise read_error(file, error) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidArgument(f"{file} cannot be read as CSV: {error}; save it as CSV in UTF-8") from error
    return ListedPhotos(tuple(train), tuple(valid) if has_split and valid else None, tuple(skipped))


def _rows(text: Iterator[str], file: Path) -> Iterator[tuple[int, _Columns, list[str]]]:
    """Yields the number of each line, where its columns are, and its values. Empty lines are left out."""
    head = []
    for line in text:
        head.append(line)
        if line.strip():
            break
    unquoted = _QUOTED.sub("", head[-1]) if head else ""
    reader = csv.reader(chain(head, text), delimiter=max(_DELIMITERS, key=unquoted.count))
    columns: _Columns | None = None
    for row in reader:
        if not any(value.strip() for value in row):
            continue
        if columns is None:
            columns = _named_columns(row, file)
            if columns is not None:
                continue
            columns = _Columns(0, 1, 2 if _has_split(row) else None)
        yield reader.line_num, columns, row


def _named_columns(row: Sequence[str], file: Path) -> _Columns | None:
    """Returns where the columns are by their names, or None if the row has no names."""
    names = [value.strip().lower() for value in row]
    path, label, split = (_first_of(names, known) for known in (_PATHS, _LABELS, _SPLITS))
    if path is None and label is None:
        return None
    if path is None or label is None:
        missing = "path" if path is None else "label"
        raise InvalidArgument(
            f"{file} has the columns {', '.join(map(repr, row))}, and no column {missing!r}: name the columns path and "
            "label"
        )
    return _Columns(path, label, split)


def _first_of(names: Sequence[str], known: Sequence[str]) -> int | None:
    return next((number for number, name in enumerate(names) if name in known), None)


def _has_split(row: Sequence[str]) -> bool:
    return len(row) > 2 and row[2].strip().lower() in (*TRAIN_NAMES, *VALID_NAMES, *TEST_NAMES)


def _split_of(row: Sequence[str], columns: _Columns, line: int, file: Path) -> str:
    """Returns the part to which a row says that its photo belongs, or an empty text."""
    if columns.split is None or columns.split >= len(row):
        return ""
    split = row[columns.split].strip().lower()
    if split and split not in (*TRAIN_NAMES, *VALID_NAMES, *TEST_NAMES):
        raise InvalidArgument(f"{file}, line {line}: the split is {row[columns.split]!r}; give train, val or test")
    return split


def _photo(row: Sequence[str], columns: _Columns, line: int, file: Path) -> LabelledPhoto | SkippedPhoto:
    if len(row) <= max(columns.path, columns.label):
        raise InvalidArgument(f"{file}, line {line}: {row!r} is not a path and a label: give both in each line")
    name, label = row[columns.path].strip(), row[columns.label].strip()
    if not name or "\0" in name + label:
        raise InvalidArgument(f"{file}, line {line}: {name!r} and {label!r} are not the path of a photo and its label")
    path = file.parent / name
    if not label:
        return SkippedPhoto(path, f"line {line} of {file.name} has no label for it")
    return LabelledPhoto(path, label_from(label, f"{file}, line {line}"))
