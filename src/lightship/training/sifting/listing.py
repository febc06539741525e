"""Writes the list of the photos to keep, a CSV file that `lightship train` reads."""

from __future__ import annotations

import csv
import io
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from lightship.errors import InvalidArgument
from lightship.training.sifting.finding import Photo


def write_list(path: Path, photos: Sequence[Photo]) -> None:
    """Writes a CSV file with a header and a row for each photo. An existing file is replaced.

    The columns are `path`, `label` if there are folders of classes, and `split` if there are train/ and val/. A path is
    relative to the file's folder, with slashes, if the photo is below it, and absolute otherwise. A photo in no class's
    folder has an empty label.

    Raises InvalidArgument if the file cannot be written; then nothing is changed.
    """
    columns = ["path", *(name for name in ("label", "split") if any(getattr(photo, name) for photo in photos))]
    folder = path.resolve().parent
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(columns)
    for photo in photos:
        values = {"path": _written(photo.path, folder), "label": photo.label or "", "split": photo.split or ""}
        rows.writerow([values[name] for name in columns])
    _replace(path, text.getvalue())


def _written(path: Path, folder: Path) -> str:
    whole = Path(os.path.abspath(path))
    return whole.relative_to(folder).as_posix() if whole.is_relative_to(folder) else str(whole)


def _replace(path: Path, text: str) -> None:
    """Writes the file beside its place first, so that there is never half a list."""
    place = path.resolve()
    if place.exists() and not place.is_file():
        raise InvalidArgument(f"the list cannot be written to {path}, which is not a regular file: give another name")
    temporary = place.with_name(f".{secrets.token_hex(8)}.csv")
    try:
        with temporary.open("x", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, place)
    except OSError as error:
        raise InvalidArgument(f"the list cannot be written to {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
