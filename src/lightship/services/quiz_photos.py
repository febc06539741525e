"""The photos of a quiz: the image files below a folder. Each has an id that does not tell what is on it."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lightship.errors import InvalidArgument, NotFound, TooLarge
from lightship.images.formats import image_format
from lightship.memory_budget import Reservation
from lightship.suffixes import IMAGE_SUFFIXES

logger = logging.getLogger(__name__)

MAX_PHOTOS = 10_000
_MAX_ENTRIES = 100_000  # files and folders that are looked at
_MAX_DEPTH = 8  # folders within each other
FRESH_SECONDS = 5.0  # for which what was found counts
_ID_BYTES = 12


@dataclass(frozen=True, slots=True)
class QuizPhoto:
    """A photo of a quiz."""

    # The same in all processes, and as long as the file stays the same.
    id: str
    path: str
    # The names that may tell what is on it: those of its folders, the innermost first, and that of the file.
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundPhotos:
    """What was found below the folder, in the order of the paths."""

    photos: tuple[QuizPhoto, ...]
    by_id: dict[str, QuizPhoto]


class QuizPhotos:
    """The photos below a folder, which is looked at again when the last look was a while ago. Thread-safe.

    Links are followed as long as they lead to files and folders below it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._found: FoundPhotos | None = None
        self._looked = 0.0  # by `time.monotonic`
        self._told = False  # that there are too many

    def found(self, max_age: float = FRESH_SECONDS) -> FoundPhotos:
        """Returns the photos, at most `MAX_PHOTOS`. They are the same object until something has changed.

        max_age: seconds for which what was found before counts. It also counts while another thread looks again, so
            that a slow folder holds up one thread only.
        """
        found = self._found
        if found is not None and time.monotonic() - self._looked <= max_age:
            return found
        if not self._lock.acquire(blocking=found is None):
            assert found is not None
            return found
        try:
            if self._found is None or time.monotonic() - self._looked > max_age:
                self._found = self._look(self._found)
                self._looked = time.monotonic()
            return self._found
        finally:
            self._lock.release()

    def read(self, photo_id: str, limit: int, memory: Reservation) -> tuple[bytes, str]:
        """Returns the bytes of a photo's file and its format, such as "JPEG". The bytes are counted in `memory` first.

        Raises NotFound if the file is gone or leads out of the folder, InvalidArgument if it is no image, TooLarge if
        it has more than `limit` bytes, and the errors of `Reservation.grow`. Their texts do not name the file, since
        its name may tell what is on it.
        """
        photo = self.found().by_id.get(photo_id)
        if photo is None:
            raise NotFound(f"there is no photo {photo_id} in this quiz any more: begin a new game")
        try:
            data = self._bytes_of(photo, limit, memory)
        except OSError as error:
            logger.warning("a photo of the quiz cannot be read: %s: %s", photo.path, error.strerror or error)
            raise NotFound(f"photo {photo.id} cannot be read any more; the server's log says why") from None
        name = image_format(data)
        if name is None:
            logger.warning("a photo of the quiz is not an image of a known kind: %s", photo.path)
            raise InvalidArgument(f"photo {photo.id} is not an image of a known kind; the server's log names the file")
        return data, name

    def _bytes_of(self, photo: QuizPhoto, limit: int, memory: Reservation) -> bytes:
        real = os.path.realpath(photo.path)
        if not _is_below(real, os.path.realpath(self.folder)):
            raise FileNotFoundError(2, "it leads out of the quiz's folder")
        # without waiting, so that a pipe in the place of the file holds up nobody
        opened = os.open(real, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(opened, "rb") as file:
            status = os.fstat(opened)
            if not stat.S_ISREG(status.st_mode):
                raise FileNotFoundError(2, "it is not a file")
            if status.st_size > limit:
                raise TooLarge(f"photo {photo.id} has {status.st_size} bytes; the limit is {limit}")
            memory.grow(status.st_size)
            return file.read(status.st_size)

    def _look(self, before: FoundPhotos | None) -> FoundPhotos:
        photos = tuple(self._within_bounds(_photos_below(self.folder)))
        if before is not None and before.photos == photos:
            return before
        return FoundPhotos(photos, {photo.id: photo for photo in photos})

    def _within_bounds(self, photos: Iterator[QuizPhoto]) -> Iterator[QuizPhoto]:
        for count, photo in enumerate(photos):
            if count == MAX_PHOTOS:
                if not self._told:
                    logger.warning("%s has more than %d photos; the quiz takes the first ones", self.folder, MAX_PHOTOS)
                self._told = True
                return
            yield photo


def _photos_below(folder: Path) -> Iterator[QuizPhoto]:
    """Yields the image files below a folder. What cannot be listed is left out.

    A folder is looked at once. One that a link leads to comes last, so that its own name counts if it has one here.
    """
    root = os.path.realpath(folder)
    seen: set[str] = set()
    folders: list[tuple[str, tuple[str, ...]]] = [(root, ())]
    links: list[tuple[str, tuple[str, ...]]] = []
    left = _MAX_ENTRIES
    while (folders or links) and left > 0:
        path, names = (folders or links).pop()
        real = os.path.realpath(path)
        if real in seen:
            continue
        seen.add(real)
        entries = [one for one in _entries(path, left) if not one.is_symlink() or _is_below(one.path, root)]
        left -= max(1, len(entries))
        inner = [one for one in entries if len(names) < _MAX_DEPTH and os.path.isdir(one.path)]
        folders += [(one.path, (one.name, *names)) for one in reversed(inner) if not one.is_symlink()]
        links += [(one.path, (one.name, *names)) for one in inner if one.is_symlink()]
        yield from filter(None, (_photo(one, names, root) for one in entries))


def _entries(path: str, limit: int) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            listed = [one for one in islice(entries, limit) if not one.name.startswith(".")]
            return sorted(listed, key=lambda one: one.name)
    except OSError as error:
        logger.warning("a folder of the quiz cannot be listed: %s: %s", path, error.strerror or error)
        return []


def _photo(entry: os.DirEntry[str], folders: tuple[str, ...], root: str) -> QuizPhoto | None:
    stem, suffix = os.path.splitext(entry.name)
    if suffix.lower() not in IMAGE_SUFFIXES:
        return None
    try:
        status = entry.stat()
    except OSError:  # gone meanwhile, or a link that leads nowhere
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    told = f"{os.path.relpath(entry.path, root)}\0{status.st_size}\0{status.st_mtime_ns}"
    digest = hashlib.blake2b(told.encode("utf-8", "surrogateescape"), digest_size=_ID_BYTES)
    return QuizPhoto(digest.hexdigest(), entry.path, (*folders, stem))


def _is_below(path: str, root: str) -> bool:
    """Returns whether a path is below a folder without links in its path, with all links followed."""
    return Path(os.path.realpath(path)).is_relative_to(root)
