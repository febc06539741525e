"""Reads the photos that are named on the command line: files, folders and standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lightship.cli.advice import PHOTO, Wanted, check_argument
from lightship.cli.failures import print_warning
from lightship.errors import LightshipError, NotFound
from lightship.files import list_error, read_bytes, subfolder_of_images, where_images_belong
from lightship.suffixes import IMAGE_SUFFIXES

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class NamedPhoto:
    """A photo by the path that the user gave, or `-` for standard input."""

    name: str

    def read(self) -> bytes:
        """Returns the bytes of the file, or of standard input for `-`. Raises the errors of `read_bytes`."""
        return sys.stdin.buffer.read() if self.name == STANDARD_INPUT else read_bytes(self.name)


def named_photos(names: Iterable[str], wanted: Wanted = PHOTO) -> Iterator[NamedPhoto | LightshipError]:
    """Yields each named photo. A folder yields the images in it, sorted by name, or an error that names the folder.

    Warns if there are images in its subfolders, which are not searched.

    wanted: what the command expects of these arguments.
    """
    for name in names:
        try:
            if name != STANDARD_INPUT:
                check_argument(name, wanted)
        except LightshipError as error:
            yield error
            continue
        if name == STANDARD_INPUT or not os.path.isdir(name):
            yield NamedPhoto(name)
            continue
        try:
            found = _images_in(name)
        except OSError as error:
            yield list_error(name, error)
            continue
        if not found:
            yield NotFound(f"{name} is a folder without images: {where_images_belong(name)}")
        elif below := subfolder_of_images(name):
            print_warning(f"the images in folders of {name}, such as {below}, are left out: give these folders too")
        yield from (NamedPhoto(path) for path in found)


def _images_in(folder: str) -> list[str]:
    names = (name for name in os.listdir(folder) if Path(name).suffix.lower() in IMAGE_SUFFIXES)
    return [os.path.join(folder, name) for name in sorted(names)]
