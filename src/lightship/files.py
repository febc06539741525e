"""Reads files. A file or folder that cannot be read raises one of Lightship's errors, which says what to do."""

from __future__ import annotations

import os
import stat

from lightship.errors import InvalidArgument, LightshipError, NotFound, PermissionDenied, TooLarge

AnyPath = str | os.PathLike[str]


def read_bytes(path: AnyPath, limit: int | None = None) -> bytes:
    """Returns the content of a file, or its first `limit` bytes.

    Raises NotFound if the file does not exist, PermissionDenied if this user may not read it, and InvalidArgument if
    the path is a folder or reading fails for another reason.
    """
    try:
        with open(path, "rb") as file:
            return file.read() if limit is None else file.read(limit)
    except OSError as error:
        raise read_error(path, error) from error


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
