"""Writes the files of options such as `--html`: pages, images and tables."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from lightship.errors import InvalidArgument, LightshipError, NotFound, PermissionDenied

_ERRORS = "backslashreplace"  # a name of a file need not be UTF-8


def check_page_file(path: str, option: str = "--html", example: str = "comparison.html") -> None:
    """Raises InvalidArgument or NotFound for a file that cannot be written, before the models are asked."""
    if not path:
        raise InvalidArgument(f"{option} is empty: give a file, such as {example}")
    if os.path.isdir(path):
        raise InvalidArgument(f"{option} {path} is a folder: give a file in it, such as {Path(path, example)}")
    if not os.path.isdir(Path(path).parent):
        raise NotFound(f"{option} {path}: the folder {Path(path).parent} does not exist: make it first")


def write_page_file(path: str, content: str | bytes, option: str = "--html") -> None:
    """Writes a file, whole or not at all. Raises PermissionDenied or InvalidArgument if that fails."""
    data = content if isinstance(content, bytes) else content.encode("utf-8", _ERRORS)
    target = Path(os.path.realpath(path))
    temporary = None
    try:
        if target.exists() and not target.is_file():  # such as /dev/stdout
            target.write_bytes(data)
            return
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:50]}-")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except OSError as error:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)
        raise _write_error(path, option, error) from error


def _mode(target: Path) -> int:
    """Returns the permissions of the file that is replaced, or else of a new file."""
    with suppress(OSError):
        return target.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def _write_error(path: str, option: str, error: OSError) -> LightshipError:
    if isinstance(error, PermissionError):
        return PermissionDenied(f"{option} {path} cannot be written: give this user the right to write there")
    return InvalidArgument(f"{option} {path} cannot be written: {error.strerror or error}")
