"""Writes the page of `--html`."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from lightship.errors import InvalidArgument, LightshipError, NotFound, PermissionDenied

_ERRORS = "backslashreplace"  # a name of a file need not be UTF-8


def check_page_file(path: str) -> None:
    """Raises InvalidArgument or NotFound for a file that cannot be written, before the models are asked."""
    if not path:
        raise InvalidArgument("--html is empty: give a file, such as comparison.html")
    if os.path.isdir(path):
        raise InvalidArgument(f"--html {path} is a folder: give a file in it, such as {Path(path, 'comparison.html')}")
    if not os.path.isdir(Path(path).parent):
        raise NotFound(f"--html {path}: the folder {Path(path).parent} does not exist: make it first")


def write_page_file(path: str, html: str) -> None:
    """Writes a page, whole or not at all. Raises PermissionDenied or InvalidArgument if that fails."""
    target = Path(os.path.realpath(path))
    temporary = None
    try:
        if target.exists() and not target.is_file():  # such as /dev/stdout
            target.write_text(html, encoding="utf-8", errors=_ERRORS)
            return
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:50]}-")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors=_ERRORS, newline="\n") as file:
            file.write(html)
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except OSError as error:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)
        raise _write_error(path, error) from error


def _mode(target: Path) -> int:
    """Returns the permissions of the file that is replaced, or else of a new file."""
    with suppress(OSError):
        return target.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def _write_error(path: str, error: OSError) -> LightshipError:
    if isinstance(error, PermissionError):
        return PermissionDenied(f"--html {path} cannot be written: give this user the right to write there")
    return InvalidArgument(f"--html {path} cannot be written: {error.strerror or error}")
