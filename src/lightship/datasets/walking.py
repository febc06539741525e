"""Lists the files below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from lightship.files import list_error
from lightship.suffixes import IMAGE_SUFFIXES

_ARCHIVE_LEFTOVERS = "__MACOSX"  # a folder that macOS adds to archives, with a hidden file for each photo


def is_photo(path: Path) -> bool:
    """Returns whether the name of a file is that of a photo."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Returns the folders and the files in a folder, sorted by name, without hidden ones.

    Raises PermissionDenied or NotFound if the folder cannot be listed.
    """
    folders: list[Path] = []
    files: list[Path] = []
    try:
        with os.scandir(folder) as found:
            for one in found:
                if one.name.startswith(".") or one.name == _ARCHIVE_LEFTOVERS:
                    continue
                (folders if one.is_dir() else files).append(Path(one.path))
    except OSError as error:
        raise list_error(folder, error) from error
    return sorted(folders), sorted(files)


def files_below(folder: Path) -> Iterator[Path]:
    """Yields the files in a folder and in its subfolders, in a fixed order.

    Links to folders are followed once, and never to one above. Raises the errors of `entries`.
    """
    above = (parent.stat() for parent in folder.resolve().parents)
    yield from _files_below(folder, {(status.st_dev, status.st_ino) for status in above})


def _files_below(folder: Path, visited: set[tuple[int, int]]) -> Iterator[Path]:
    try:
        status = folder.stat()
    except OSError as error:
        raise list_error(folder, error) from error
    if (status.st_dev, status.st_ino) in visited:
        return  # a link leads to a folder above, or to one that was listed already
    visited.add((status.st_dev, status.st_ino))
    folders, files = entries(folder)
    yield from files
    for one in folders:
        yield from _files_below(one, visited)
