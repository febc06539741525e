"""The local copies of versions of object stores, which all servers of a user share.

    entries/KEY/NUMBER/...     a complete version; KEY depends on its place in the store and on all of its objects
    entries/KEY/entry.json     what it is a copy of, and the sizes of its files; its time is that of the last use
    partial/KEY-BYTES/...      a version that is being copied; its process holds a lock on the folder
    users/ID/KEY               an empty file for each version that a server uses; the server holds a lock on the folder

A lock ends with its process. So what a killed server was copying is swept by the next one, and what it used may be
removed. Everything that adds, counts or removes versions is done under a lock on the whole cache, briefly.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lightship.errors import FailedPrecondition, PermissionDenied, ResourceExhausted, Unavailable
from lightship.files import user_cache_folder
from lightship.locks import FolderLock, try_lock
from lightship.store.entries import (
    Entry,
    Partial,
    find_entries,
    is_complete,
    is_locked,
    is_user,
    lock_folder,
    mark_good,
    partial_name,
    partial_size,
    read_info,
    remove_entry,
    sync_folder,
    sync_folders,
    touch_entry,
    write_info,
)
from lightship.store.faults import disk_fault
from lightship.store.listing import VersionListing

logger = logging.getLogger(__name__)

DEFAULT_MAX_BYTES = 16 << 30

_LOCK_SECONDS = 30.0
_LOOK_SECONDS = 0.05


class Cache:
    """The cache of one server. Several threads may use it.

    folder: None for the default, see `default_folder`. max_bytes: what all versions may have together. Beyond it the
    least recently used ones are removed, but never one that a running server uses.

    All methods raise ResourceExhausted if the disk is full, and Unavailable if another process keeps the cache locked.
    """

    def __init__(self, folder: Path | None, max_bytes: int) -> None:
        self._given, self.max_bytes = folder, max_bytes
        self._lock = threading.Lock()
        self._pins: dict[object, frozenset[str]] = {}
        self._user: tuple[Path, FolderLock] | None = None

    @property
    def folder(self) -> Path:
        """The folder of the cache. Raises FailedPrecondition if none was given and this user has none."""
        folder = self._given or default_folder()
        if folder is None:
            raise FailedPrecondition(
                "this user has no home folder for copies of models from object stores: name one with store_cache_dir"
            )
        return folder

    def open(self) -> None:
        """Creates the folder, removes what killed processes left, and keeps to the bound. Does so once.

        Raises PermissionDenied for a folder of another user, or one that others may write to: what is in it answers.
        """
        if self._user is not None:
            return
        folder = self.folder
        with self._on_disk():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_private(folder):
                raise PermissionDenied(
                    f"{folder} cannot be a cache of models: it belongs to another user, or others may write to it; "
                    "change that, or name another folder with store_cache_dir"
                )
        with self._alone():
            for name in ("entries", "partial", "users"):
                (folder / name).mkdir(mode=0o700, exist_ok=True)
            if self._user is None:
                user = folder / "users" / uuid.uuid4().hex
                user.mkdir()
                lock = lock_folder(user)
                assert lock is not None, "a new folder is locked"
                self._user = user, lock
            self._make_room(0)

    def close(self) -> None:
        """Lets go of all versions."""
        user, self._user = self._user, None
        if user is not None:
            shutil.rmtree(user[0], ignore_errors=True)
            user[1].release()

    def path(self, key: str, number: int) -> Path:
        """Returns the folder of a version, whether or not it is there."""
        return self.folder / "entries" / key / str(number)

    def has(self, key: str) -> bool:
        """Returns whether a complete version is there. One whose files have other sizes than they had is removed."""
        folder = self.folder / "entries" / key
        if self._is_whole(key):
            return True
        if read_info(folder) is None:
            return False
        logger.warning("%s was changed after it was copied from the store; it is copied again", folder)
        with self._alone():
            if not self._is_whole(key):  # else another process has replaced it meanwhile
                remove_entry(folder)
        return False

    def entries(self, place: str) -> list[Entry]:
        """Returns the versions of one place, the most recently used first. Their files were not looked at."""
        with self._on_disk():
            found = [entry for entry in find_entries(self.folder / "entries") if entry.place == place]
        return sorted(found, key=lambda entry: entry.used, reverse=True)

    def mark(self, entry: Entry, *, good: bool | None = None, gone: bool | None = None) -> None:
        """Notes that a version has answered, or that the store has it no longer. None: as before."""
        with suppress(OSError):  # it was removed, or the disk is full; only what is preferred depends on it
            entry.mark(good=good, gone=gone)

    def mark_good(self, path: Path) -> None:
        """Notes that the version with this folder could be loaded, if it is one of the cache."""
        if path.parent.parent == self.folder / "entries":
            with suppress(OSError):
                mark_good(path.parent)

    def pin(self, owner: object, keys: Collection[str]) -> None:
        """Keeps these versions, and no longer those that the owner named before. They need not be there yet."""
        with self._lock:
            if self._user is None or self._pins.get(owner, frozenset()) == frozenset(keys):
                return
        with self._alone():
            if self._user is None:  # it was closed meanwhile
                return
            before = self._pins.get(owner)
            self._pins[owner] = frozenset(keys)
            try:
                self._write_pins()
            except OSError:
                self._pins[owner] = before or frozenset()
                raise
            if not keys:
                del self._pins[owner]

    def touch(self, keys: Collection[str]) -> None:
        """Notes that versions are in use now."""
        for key in keys:
            with suppress(OSError):
                touch_entry(self.folder / "entries" / key)

    def begin(self, listing: VersionListing, url: str) -> Partial | None:
        """Returns an empty folder for a copy, with room for it. None if another process is copying the same version.

        Raises ResourceExhausted if it does not fit beside what is in use.
        """
        with self._alone():
            folder = self.folder / "partial" / partial_name(listing)
            if folder.exists():
                lock = lock_folder(folder)
                if lock is None:
                    return None
                shutil.rmtree(folder, ignore_errors=True)
                lock.release()
            self._make_room(listing.size, f"version {listing.number} of {url}")
            (folder / str(listing.number)).mkdir(parents=True)
            lock = lock_folder(folder)
            assert lock is not None, "a new folder is locked"
            return Partial(listing.key, folder, lock)

    def commit(self, partial: Partial, place: str, listing: VersionListing) -> None:
        """Moves a complete copy to its place. Its files are on the disk before.

        May be called again after an error. A copy that another server has moved there first stays, because that server
        may be reading it.
        """
        with self._on_disk():
            write_info(partial.folder, place, listing)
            sync_folders(partial.folder)
        with self._alone():
            target = self.folder / "entries" / partial.key
            if self._is_whole(partial.key):
                shutil.rmtree(partial.folder, ignore_errors=True)
            else:
                remove_entry(target)
                os.rename(partial.folder, target)
                sync_folder(target.parent)
        partial.lock.release()

    def abandon(self, partial: Partial) -> None:
        """Removes a copy that was not completed."""
        shutil.rmtree(partial.folder, ignore_errors=True)
        partial.lock.release()

    def _is_whole(self, key: str) -> bool:
        folder = self.folder / "entries" / key
        info = read_info(folder)
        return info is not None and is_complete(folder, info)

    def _make_room(self, needed: int, what: str = "") -> None:
        """Removes versions, the least recently used first, until so many bytes fit into the bound and onto the disk.

        Must be called in `_alone`.
        """
        copying, in_use = self._sweep(), self._in_use()
        entries = sorted(find_entries(self.folder / "entries"), key=lambda entry: (not entry.gone, entry.used))
        kept = sum(entry.size for entry in entries if entry.key in in_use)
        free = shutil.disk_usage(self.folder).free
        if what and needed + kept + copying > self.max_bytes:
            raise ResourceExhausted(
                f"{what} has {shown_bytes(needed)}, and the cache in {self.folder} may have "
                f"{shown_bytes(self.max_bytes)}, of which {shown_bytes(kept + copying)} are in use: give it more with "
                "store_cache_bytes"
            )
        total = copying + sum(entry.size for entry in entries)
        if what and needed > free + total - copying - kept:
            raise ResourceExhausted(
                f"{what} has {shown_bytes(needed)}, and the disk of the cache in {self.folder} has {shown_bytes(free)} "
                "left: free space there, or name another folder with store_cache_dir"
            )
        for entry in entries:
            if total + needed <= self.max_bytes and needed <= free:
                break
            if entry.key not in in_use:
                remove_entry(entry.folder)
                total, free = total - entry.size, free + entry.size

    def _sweep(self) -> int:
        """Removes copies that nobody is making any more. Returns the bytes that the others will have."""
        copying = 0
        for folder in list((self.folder / "partial").iterdir()):
            size = partial_size(folder)
            if size is None:
                continue
            if is_locked(folder):
                copying += size
            elif folder.is_dir():
                shutil.rmtree(folder, ignore_errors=True)
        return copying

    def _in_use(self) -> set[str]:
        """Returns the keys of the versions that running servers use, and removes what killed ones left."""
        used: set[str] = set()
        for folder in [one for one in (self.folder / "users").iterdir() if is_user(one)]:
            if (self._user is not None and folder == self._user[0]) or is_locked(folder):
                with suppress(OSError):
                    used.update(os.listdir(folder))
            elif folder.is_dir():
                shutil.rmtree(folder, ignore_errors=True)
        return used

    def _write_pins(self) -> None:
        assert self._user is not None, "the cache is open"
        folder = self._user[0]
        wanted: set[str] = set().union(*self._pins.values())
        there = set(os.listdir(folder))
        for key in wanted - there:
            (folder / key).touch()
        for key in there - wanted:
            (folder / key).unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keeps other threads and processes from adding, counting and removing versions."""
        with self._lock, self._on_disk():
            folder, end = self.folder, time.monotonic() + _LOCK_SECONDS
            while (lock := try_lock(folder, folder / ".lock")) is None:
                if time.monotonic() > end:
                    raise Unavailable(f"another process keeps {folder} locked")
                time.sleep(_LOOK_SECONDS)
            try:
                yield
            finally:
                lock.release()

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise disk_fault(error, self.folder) from error


def default_folder() -> Path | None:
    """Returns the folder `lightship/store` in the user's cache folder, or None for a user without a home folder."""
    folder = user_cache_folder()
    return None if folder is None else folder / "store"


def shown_bytes(size: int) -> str:
    """Returns a size for people, such as 98.3 MiB."""
    amount, units = float(size), iter(("bytes", "KiB", "MiB", "GiB"))
    unit = next(units)
    for larger in units:
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{size} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"


def _is_private(folder: Path) -> bool:
    status = folder.stat()
    return not hasattr(os, "geteuid") or (status.st_uid == os.geteuid() and not status.st_mode & 0o022)
