"""Reads files. A file or folder that cannot be read raises one of Lightship's errors, which says what to do."""

from __future__ import annotations

import os
import stat
from itertools import islice
from pathlib import Path

from lightship.errors import InvalidArgument, LightshipError, NotFound, PermissionDenied, TooLarge
from lightship.suffixes import IMAGE_SUFFIXES

AnyPath = str | os.PathLike[str]
_LOOKED_AT = 1000  # entries of a folder


def user_cache_folder() -> Path | None:
    """Returns the folder `lightship` in the user's cache folder, or None for a user without a home folder."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "lightship" if os.path.isabs(home) else None


def read_bytes(path: AnyPath, limit: int | None = None) -> bytes:
    """Returns the content of a file, or its first `limit` bytes.

    Raises NotFound if the file does not exist, PermissionDenied if this user may not read it, and InvalidArgument if
    the path is a folder, contains a null byte, or reading fails for another reason.
    """
    try:
        with open(path, "rb") as file:
            return file.read() if limit is None else file.read(limit)
    except OSError as error:
        raise read_error(path, error) from error
    except ValueError as error:  # a null byte
        raise InvalidArgument(f"{os.fspath(path)!r} is not the path of a file: {error}") from error


def read_regular(path: AnyPath, most: int) -> bytes:
    """Returns the content of a regular file, or of a link to one, which may have at most `most` bytes.

    Reading a pipe or a device might never end. Raises InvalidArgument for these, TooLarge for a larger file, and the
    errors of `read_bytes`.
    """
    try:
        kind = os.stat(path).st_mode
    except OSError as error:
        raise read_error(path, error) from error
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        raise InvalidArgument(f"{path} is not a regular file: give the path of a file")
    data = read_bytes(path, most + 1)
    if len(data) > most:
        raise TooLarge(f"{path} has more than {most >> 20} MiB: give a smaller file")
    return data


def read_error(path: AnyPath, error: OSError) -> LightshipError:
    """Returns the error to raise when a file could not be read."""
    if isinstance(error, PermissionError):
        return PermissionDenied(f"{path} cannot be read: give this user the right to read it")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return NotFound(f"{path} does not exist: give the path of a file")
    if isinstance(error, IsADirectoryError):
        return InvalidArgument(f"{path} is a folder: give the path of a file")
    return InvalidArgument(f"{path} cannot be read: {error.strerror or error}")


def list_error(folder: AnyPath, error: OSError) -> LightshipError:
    """Returns the error to raise when the entries of a folder could not be listed."""
    if isinstance(error, PermissionError):
        return PermissionDenied(f"{folder} cannot be read: give this user the right to list it")
    return NotFound(f"{folder} cannot be listed: {error.strerror or error}")


def where_images_belong(folder: AnyPath) -> str:
    """Returns what to do about a folder without images where one of images is wanted: its subfolders may have them."""
    below = subfolder_of_images(folder)
    if below is not None:
        return f"its subfolders are not searched; give one of them, such as {below}"
    return f"put {', '.join(IMAGE_SUFFIXES)} files into it"


def subfolder_of_images(folder: AnyPath) -> str | None:
    """Returns the path of a folder in this folder that has images; None if there is none among its first entries."""
    for below in sorted(_entries(folder)):
        path = os.path.join(folder, below)
        if os.path.isdir(path) and any(name.lower().endswith(IMAGE_SUFFIXES) for name in _entries(path)):
            return path
    return None


def _entries(folder: AnyPath) -> list[str]:
    """Returns the names of the first entries of a folder; none if it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in islice(entries, _LOOKED_AT)]
    except OSError:
        return []
