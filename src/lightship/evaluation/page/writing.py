"""Writes a page to its file."""

from __future__ import annotations

from pathlib import Path

from lightship.errors import InvalidArgument, PermissionDenied


def write_page(path: Path, html: str) -> None:
    """Writes a page. If that fails, as on a full disk, the incomplete file is removed.

    Raises PermissionDenied or InvalidArgument if that fails.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        try:
            partial.write_text(html, encoding="utf-8", newline="\n")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except PermissionError as error:
        raise PermissionDenied(f"{path} cannot be written: give this user the right to write it") from error
    except OSError as error:
        raise InvalidArgument(f"{path} cannot be written: {error.strerror or error}") from error
