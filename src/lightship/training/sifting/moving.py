"""Moves rejected photos into another folder. No file is overwritten."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path

from lightship.errors import AlreadyExists, InvalidArgument, LightshipError
from lightship.training.sifting.finding import Photo

# What a file system answers that has no hard links, or where the target is on another one.
_NO_LINKS = frozenset(
    getattr(errno, name) for name in ("EXDEV", "EPERM", "ENOTSUP", "EOPNOTSUPP", "EMLINK", "ENOSYS", "EACCES")
)


def check_target(folder: Path, target: Path) -> None:
    """Raises InvalidArgument if photos of a folder cannot be moved to a target: it is a file, or inside the folder."""
    if target.exists() and not target.is_dir():
        raise InvalidArgument(f"{target} is a file: give a folder to move the rejected photos into")
    if target.resolve().is_relative_to(folder.resolve()):
        raise InvalidArgument(
            f"{target} is inside of {folder}, so the next run would find the rejected photos again: give a folder "
            "outside of it"
        )


def move(photo: Photo, target: Path) -> LightshipError | None:
    """Moves a photo into a folder, in the same subfolder as it was. Returns why it could not be moved, or None.

    A photo whose place is taken stays where it is.
    """
    place = target / photo.place
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _move(photo.path, place)
    except FileExistsError:
        return AlreadyExists(f"{photo.path} was not moved: {place} exists already")
    except OSError as error:
        return InvalidArgument(f"{photo.path} was not moved to {place}: {error.strerror or error}")
    return None


def _move(path: Path, place: Path) -> None:
    """Moves a file. Raises FileExistsError if its place is taken, also by a file that has come just now."""
    if path.is_symlink():
        os.symlink(os.path.abspath(path.parent / os.readlink(path)), place)
    else:
        try:
            os.link(path, place)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _copy(path, place)
    try:
        path.unlink()
    except OSError:
        place.unlink()
        raise


def _copy(path: Path, place: Path) -> None:
    """Copies a file with its times. Half a copy is removed."""
    with path.open("rb") as source, place.open("xb") as copy:
        try:
            shutil.copyfileobj(source, copy)
            copy.flush()
            os.fsync(copy.fileno())
        except BaseException:
            with suppress(OSError):
                place.unlink()
            raise
    shutil.copystat(path, place)
