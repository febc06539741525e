"""Lists the files below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lightship.files import list_error
from lightship.suffixes import IMAGE_SUFFIXES

_ARCHIVE_LEFTOVERS = "__MACOSX"  # a folder that macOS adds to archives, with a hidden file for each photo


def is_photo(path: Path) -> bool:
    """Returns whether the name of a file is that of a photo."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def is_hidden(name: str) -> bool:
    """Returns whether a file or folder of this name is left out."""
    return name.startswith(".") or name == _ARCHIVE_LEFTOVERS


def entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Returns the folders and the files in a folder, sorted by name, without hidden ones.

    Raises PermissionDenied or NotFound if the folder cannot be listed.
    """
    folders: list[Path] = []
    files: list[Path] = []
    try:
        with os.scandir(folder) as found:
            for one in found:
                if is_hidden(one.name):
                    continue
                (folders if _is_folder(one) else files).append(Path(one.path))
    except OSError as error:
        raise list_error(folder, error) from error
    return sorted(folders), sorted(files)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, for example: reading it will say what is wrong
        return False


def files_below(folder: Path) -> Iterator[Path]:
    """Yields the files in a folder and in its subfolders, in a fixed order.

    Links to folders are followed once, and never to one above. Raises the errors of `entries`.
    """
    visited = set(_folders_above(folder))
    left = [folder]
    while left:
        one = left.pop()
        try:
            status = one.stat()
        except OSError as error:
            raise list_error(one, error) from error
        if (status.st_dev, status.st_ino) in visited:
            continue
        visited.add((status.st_dev, status.st_ino))
        folders, files = entries(one)
        yield from files
        left += reversed(folders)


def _folders_above(folder: Path) -> Iterator[tuple[int, int]]:
    for parent in folder.resolve().parents:
        with suppress(OSError):
            status = parent.stat()
            yield status.st_dev, status.st_ino
