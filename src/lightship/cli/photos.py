"""The photos named on a command line: files, folders of them, and standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lightship.errors import InvalidArgument, LightshipError, NotFound, PermissionDenied

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"})
STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class NamedPhoto:
    """`name` as the user would write it."""

    name: str

    def read(self) -> bytes:
        """The file's bytes. Raises NotFound, PermissionDenied, InvalidArgument."""
        if self.name == STANDARD_INPUT:
            return sys.stdin.buffer.read()
        try:
            return Path(self.name).read_bytes()
        except FileNotFoundError as error:
            raise NotFound("there is no such file or folder") from error
        except PermissionError as error:
            raise PermissionDenied("may not be read by this user") from error
        except OSError as error:
            raise InvalidArgument(f"cannot be read: {error.strerror or error}") from error


def named_photos(names: Iterable[str]) -> Iterator[NamedPhoto | tuple[str, LightshipError]]:
    """One after the other, as they are asked for; a folder gives the images in it, sorted, or (its name, an error)."""
    for name in names:
        if name == STANDARD_INPUT or not os.path.isdir(name):
            yield NamedPhoto(name)
            continue
        try:
            found = _images_in(name)
        except PermissionError:
            yield name, PermissionDenied("this user may not list the folder")
            continue
        if not found:
            yield name, NotFound(f"the folder holds no image ({' '.join(sorted(IMAGE_SUFFIXES))})")
        yield from (NamedPhoto(path) for path in found)


def _images_in(folder: str) -> list[str]:
    names = (name for name in os.listdir(folder) if Path(name).suffix.lower() in IMAGE_SUFFIXES)
    return [os.path.join(folder, name) for name in sorted(names)]
