"""A cache of compiled models, which later starts of the server reuse.

An entry is a folder with the compiled models and an index. The index holds the digest of each compiled model and of
itself. Damaged or incomplete entries are ignored. Only the owner may write to the folder, because a compiled model
determines the server's answers.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightship.engines.scratch import scratch, sweep
from lightship.files import user_cache_folder
from lightship.locks import try_lock
from lightship.pauses import PAUSES
from lightship.saved_model.digests import sha256_of

logger = logging.getLogger(__name__)

DEFAULT_MAX_BYTES = 4 << 30
# This limit also counts the small entries that record why a model could not be compiled.
DEFAULT_MAX_ENTRIES = 4096
FORMAT = 1  # of entries
_LOOK_SECONDS = 0.1  # between two attempts to lock the folder
_PIECE = 1 << 20  # bytes
_INDEX = "index.json"
_LOCK = ".lock"  # the file that is locked where folders cannot be
_NAMED = "LIGHTSHIP_CACHE_DIR"
_KEY = re.compile("[0-9a-f]{64}")


def pieces(buffer: memoryview) -> Iterator[memoryview]:
    """Yields the pieces in which a large buffer is read or written.

    Linux may run nothing else on the processor until a call that reads into new memory, or writes, has ended. A call
    that read 100 MB kept other threads and processes waiting for 60 ms.
    """
    return (buffer[start : start + _PIECE] for start in range(0, len(buffer), _PIECE))


class Damaged(Exception):
    """The content of an entry's file does not match the index."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The cached data of one key: a JSON object, and files by name."""

    info: Mapping[str, Any]
    # The SHA-256 digest of each file, with either its content or its path.
    files: Mapping[str, tuple[str, bytes | Path]]

    def size(self, name: str) -> int:
        """Returns the bytes of a file's content. Raises Damaged if it cannot be read."""
        with self._opened(name) as file:
            return file.seek(0, os.SEEK_END)

    def read_into(self, name: str, buffer: memoryview) -> None:
        """Fills a buffer of `size` bytes with a file's content.

        Large files are read and digested without the interpreter's lock. Raises Damaged if the content is not what was
        written.
        """
        digest, complete = hashlib.sha256(), False
        with self._opened(name) as file, PAUSES.between_pieces() as wait:
            for piece in pieces(buffer):
                wait()
                if file.readinto(piece) != len(piece):
                    break
                digest.update(piece)
            else:
                complete = not file.read(1)
        if not complete or digest.hexdigest() != self.files[name][0]:
            raise Damaged(f'the compiled model "{name}" was changed after it was written')

    @contextmanager
    def _opened(self, name: str) -> Iterator[io.BufferedReader | io.BytesIO]:
        _, kept = self.files[name]
        try:
            with io.BytesIO(kept) if isinstance(kept, bytes) else kept.open("rb") as file:
                yield file
        except OSError as error:
            raise Damaged(f'the compiled model "{name}" cannot be read: {error}') from error


class CompiledCache:
    """Cache entries in a folder. If no folder can be written to, compiled models are kept in memory only.

    `folder` is None for the user's cache folder. `max_bytes` and `max_entries` limit the cache; beyond either limit,
    the least recently used entries are removed.
    """

    def __init__(
        self,
        folder: Path | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
        max_entries: int = DEFAULT_MAX_ENTRIES,
    ) -> None:
        self._folder = _usable(folder or default_folder(), named=folder is not None or _NAMED in os.environ)
        self._max_bytes, self._max_entries = max_bytes, max_entries
        self._parent = self._folder or _temporary()
        sweep(self._parent)

    @property
    def parent(self) -> Path:
        """The folder in which temporary folders are created: the cache's own, or else one that is always writable."""
        return self._parent

    def get(self, key: str) -> Entry | None:
        """Returns the entry of a key, or None if there is no valid entry. A damaged entry is removed."""
        if self._folder is None:
            return None
        place = self._folder / key
        try:
            entry = _read(place)
            os.utime(place / _INDEX)
        except (OSError, ValueError, KeyError, TypeError):
            if place.exists():
                self._remove(place)
            return None
        return entry

    def put(self, key: str, info: Mapping[str, Any], work: Path) -> Entry:
        """Makes a cache entry of `info` and the files in `work`, a folder of `workplace`, and returns the entry.

        Without a usable cache folder, the entry stays in memory. If another process has stored an entry under this key
        in the meantime, that entry is returned instead.
        """
        names = sorted(file.name for file in work.iterdir()) if work.is_dir() else []
        digests = {name: _digest(work / name) for name in names}
        place = self._folder / key if self._folder is not None else None
        if place is None or not _write_index(work / _INDEX, {"info": dict(info), "files": digests}):
            return _in_memory(info, digests, work)
        if not _renamed(work, place):  # another process was faster, or left a damaged entry, which get removes
            found = self.get(key)
            if found is not None:
                return found
            if not _renamed(work, place):
                return _in_memory(info, digests, work)
        self._make_room(place)
        return Entry(info, {name: (digest, place / name) for name, digest in digests.items()})

    def forget(self, key: str) -> None:
        if self._folder is not None:
            self._remove(self._folder / key)

    @contextmanager
    def alone(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Waits while another process, or another thread, is in such a block with the same folder.

        It stops waiting when `cancelled` returns True. Without a usable cache folder, or locks in it, it does not wait.
        """
        if self._folder is None:
            yield
            return
        with ExitStack() as stack:
            with suppress(OSError):
                while (lock := try_lock(self._folder, self._folder / _LOCK)) is None and not cancelled():
                    time.sleep(_LOOK_SECONDS)
                if lock is not None:
                    stack.callback(lock.release)
            yield

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        """Creates an empty folder for one compilation. Files that are still in the folder at the end are removed."""
        with ExitStack() as stack:
            try:
                work = stack.enter_context(scratch(self._parent))
            except OSError as error:
                logger.warning("compiled models cannot be written anywhere: %s", error)
                work = Path(os.devnull) / "none"
            yield work

    def _remove(self, place: Path) -> None:
        """Removes an entry. The folder is renamed first, so that no reader finds it half removed."""
        try:
            with scratch(place.parent) as gone:
                place.rename(gone / "entry")
        except OSError as error:
            logger.debug("the cache entry %s was not removed: %s", place.name, error)

    def _make_room(self, newest: Path) -> None:
        try:
            self._remove_oldest(newest)
        except OSError as error:
            logger.warning("the cache of compiled models cannot be looked through: %s", error)

    def _remove_oldest(self, newest: Path) -> None:
        assert self._folder is not None
        entries = [
            (_last_used(place), _size(place), place)
            for place in self._folder.iterdir()
            if _KEY.fullmatch(place.name) and place != newest  # other files in this folder do not belong to the cache
        ]
        total, number = _size(newest) + sum(size for _, size, _ in entries), len(entries) + 1
        for _, size, place in sorted(entries):
            if total <= self._max_bytes and number <= self._max_entries:
                return
            self._remove(place)
            total, number = total - size, number - 1


def default_folder() -> Path | None:
    """Returns LIGHTSHIP_CACHE_DIR if it is set, else the folder `lightship` in the user's cache folder.

    Returns None for a user without a home folder.
    """
    named = os.environ.get(_NAMED)
    return Path(named) if named else user_cache_folder()


def _usable(folder: Path | None, *, named: bool) -> Path | None:
    """Returns the folder, creating it if necessary.

    Returns None and logs the reason if the folder cannot be used or does not belong to the user. It is a warning if
    somebody has `named` this folder.
    """
    if folder is None:
        logger.info("compiled models are kept only in memory: this user has no home folder")
        return None
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # it may be a cache, too
        folder.mkdir(mode=0o700, exist_ok=True)
        if not is_private(folder.stat()):
            logger.warning("%s is not used as a cache: it belongs to another user, or others may write to it", folder)
            return None
        with scratch(folder):
            return folder
    except OSError as error:
        level = logging.WARNING if named else logging.INFO
        logger.log(level, "%s is not used as a cache, and compiled models are kept only in memory: %s", folder, error)
        return None


def is_private(status: os.stat_result) -> bool:
    """Returns whether only this user may write to a folder. Windows says nothing of that in its status."""
    return not hasattr(os, "geteuid") or (status.st_uid == os.geteuid() and not status.st_mode & 0o022)


def _temporary() -> Path:
    """Returns /dev/shm if it is writable, else the system's temporary folder, else a path that cannot be a folder."""
    if os.access("/dev/shm", os.W_OK):
        return Path("/dev/shm")
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        return Path(os.devnull)


def _in_memory(info: Mapping[str, Any], digests: Mapping[str, str], work: Path) -> Entry:
    return Entry(info, {name: (digest, (work / name).read_bytes()) for name, digest in digests.items()})


def _renamed(work: Path, place: Path) -> bool:
    try:
        work.rename(place)
    except OSError:
        return False
    return True


def _read(place: Path) -> Entry:
    index = json.loads((place / _INDEX).read_bytes())
    if not isinstance(index, dict):
        raise ValueError(f"the index of {place} is not a JSON object")
    digest = index.pop("digest")
    if index["format"] != FORMAT or digest != _digest_of(index):
        raise ValueError(f"the index of {place} was changed")
    files = {name: (sha256, place / name) for name, sha256 in index["files"].items()}
    if not all((place / name).is_file() for name in files):
        raise ValueError(f"{place} is not complete")
    return Entry(index["info"], files)


def _write_index(file: Path, content: Mapping[str, Any]) -> bool:
    """Writes the index. Returns False, and logs the reason, if the file cannot be written."""
    index = {"format": FORMAT, **content}
    try:
        with file.open("xb") as opened:
            opened.write(json.dumps({**index, "digest": _digest_of(index)}).encode())
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        logger.warning("a compiled model is not kept in %s: %s", file.parent.parent, error.strerror or error)
        return False
    return True


def _digest_of(index: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(index, sort_keys=True).encode()).hexdigest()


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return sha256_of(opened)


def _size(place: Path) -> int:
    try:
        return sum(file.stat().st_size for file in place.iterdir())
    except OSError:
        return 0


def _last_used(place: Path) -> float:
    try:
        return (place / _INDEX).stat().st_mtime
    except OSError:
        return 0.0
