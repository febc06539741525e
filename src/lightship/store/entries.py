"""The versions in the folder of a cache: complete ones, and those that are being copied."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightship.locks import FolderLock, try_lock
from lightship.store.listing import VersionListing

_FORMAT = 1
_INFO = "entry.json"
_GOOD, _GONE = "good", "gone"
_MAX_INFO = 16 << 20  # bytes
_KEY = re.compile("[0-9a-f]{40}")
_PARTIAL = re.compile("([0-9a-f]{40})-([0-9]{1,20})")
_USER = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A complete version in the cache."""

    folder: Path
    # What names the model's place in the store, see `urls.place_id`.
    place: str
    number: int
    # In bytes.
    size: int
    # When it was last used, in seconds since 1970.
    used: float
    # Whether it could be loaded, and whether the store had it no longer when it was last listed.
    good: bool
    gone: bool

    @property
    def key(self) -> str:
        return self.folder.name

    def mark(self, *, good: bool | None = None, gone: bool | None = None) -> None:
        """Notes these facts; None: as before. Raises OSError."""
        for name, before, now in ((_GOOD, self.good, good), (_GONE, self.gone, gone)):
            if now is None or now is before:
                continue
            if now:
                (self.folder / name).touch()
            else:
                (self.folder / name).unlink()


@dataclass(slots=True)
class Partial:
    """A folder into which a version is being copied."""

    key: str
    folder: Path
    lock: FolderLock
    # The names of the objects whose files were created, and where in which of them blocks were written.
    created: set[str] = field(default_factory=set)
    written: set[tuple[str, int]] = field(default_factory=set)


def mark_good(entry: Path) -> None:
    """Notes that the version in the folder of an entry could be loaded. Raises OSError."""
    (entry / _GOOD).touch()


def find_entries(folder: Path) -> Iterator[Entry]:
    """Returns all complete versions in a folder, and removes those that are not. Raises OSError.

    What has a name that the cache does not give is somebody else's, and is left alone.
    """
    for one in [one for one in folder.iterdir() if _KEY.fullmatch(one.name)]:
        info = read_info(one)
        try:
            if info is None:
                raise ValueError("no entry")
            used, marks = (one / _INFO).stat().st_mtime, [(one / name).exists() for name in (_GOOD, _GONE)]
            yield Entry(one, str(info["place"]), int(info["number"]), int(info["size"]), used, *marks)
        except (OSError, ValueError, KeyError, TypeError):
            if not (one / _INFO).exists():
                remove_entry(one)


def read_info(folder: Path) -> Mapping[str, Any] | None:
    """Returns what was noted of a complete version, or None if the folder has none."""
    try:
        with (folder / _INFO).open("rb") as file:
            info = json.loads(file.read(_MAX_INFO))
    except (OSError, ValueError):
        return None
    return info if isinstance(info, dict) and info.get("format") == _FORMAT and "files" in info else None


def write_info(folder: Path, place: str, listing: VersionListing) -> None:
    """Notes what a folder is a copy of, so that it is a complete version. Raises OSError."""
    files = {f"{listing.number}/{name}": one.size for name, one in listing.objects.items()}
    info = {"format": _FORMAT, "place": place, "number": listing.number, "size": listing.size, "files": files}
    with (folder / _INFO).open("w") as file:  # it may be there from an attempt that failed
        json.dump(info, file)
        file.flush()
        os.fsync(file.fileno())


def is_complete(folder: Path, info: Mapping[str, Any]) -> bool:
    """Returns whether all files of a version have the sizes that were noted."""
    try:
        return all(os.stat(folder / name).st_size == size for name, size in info["files"].items())
    except (OSError, TypeError, AttributeError, ValueError):
        return False


def touch_entry(folder: Path) -> None:
    """Notes that a version is used now. Raises OSError."""
    os.utime(folder / _INFO)


def remove_entry(folder: Path) -> None:
    """Removes a version. It is none from the first moment, even if this process dies half-way. Raises OSError."""
    if folder.is_dir():
        (folder / _INFO).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def partial_size(folder: Path) -> int | None:
    """Returns the bytes that a copy will have, by the name of its folder, or None for a folder of another kind."""
    found = _PARTIAL.fullmatch(folder.name)
    return int(found[2]) if found else None


def partial_name(listing: VersionListing) -> str:
    """Returns the name of the folder for a copy."""
    return f"{listing.key}-{listing.size}"


def is_user(folder: Path) -> bool:
    """Returns whether a folder has such a name as the cache gives to that of a server."""
    return _USER.fullmatch(folder.name) is not None


def lock_folder(folder: Path) -> FolderLock | None:
    """Locks a folder of the cache, or returns None if another process has. Raises OSError."""
    return try_lock(folder, folder.with_name(f"{folder.name}.lock"), follow_links=False)


def is_locked(folder: Path) -> bool:
    """Returns whether a process holds the lock on a folder."""
    try:
        lock = lock_folder(folder)
    except OSError:  # it is no folder, or was just removed
        return False
    if lock is not None:
        lock.release()
    return lock is None


def sync_folders(folder: Path) -> None:
    """Sees to it that the entries of a folder and of those below it are on the disk. Raises OSError."""
    for place, _, _ in os.walk(folder):
        sync_folder(Path(place))


def sync_folder(folder: Path) -> None:
    """Sees to it that the entries of a folder are on the disk. Raises OSError."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows does so itself
        return
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
