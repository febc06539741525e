"""Locks on folders, which processes take to keep others out. A lock ends with the process that holds it.

On Unix the folder itself is locked. Windows can neither open nor lock a folder, so a file stands for it there.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

_LOOK_SECONDS = 0.05  # between two attempts to lock a file, where the system cannot wait for it


def _module(name: str) -> Any:
    """Returns one of Python's modules, or None if this system does not have it."""
    try:
        return import_module(name)
    except ImportError:
        return None


_fcntl, _msvcrt = _module("fcntl"), _module("msvcrt")


class FolderLock:
    """A lock on a folder, which is held from `try_lock` or `wait_for_lock` until `release`."""

    def __init__(self, folder: Path, file: int, stand_in: Path | None) -> None:
        self._folder, self._file, self._stand_in = folder, file, stand_in

    @property
    def status(self) -> os.stat_result:
        """The status of the folder. On Unix it is that of the locked folder, even if its path leads elsewhere by now.

        Raises OSError if there is none.
        """
        return os.fstat(self._file) if self._stand_in is None else os.stat(self._folder)

    def release(self) -> None:
        os.close(self._file)
        if self._stand_in is not None:
            with suppress(OSError):  # Windows removes no file that another process has open
                self._stand_in.unlink()


def try_lock(folder: Path, stand_in: Path, *, follow_links: bool = True) -> FolderLock | None:
    """Locks a folder, or returns None if another process, or another part of this one, holds the lock.

    stand_in: the file that is locked on systems that cannot lock folders; it is removed with the lock. follow_links:
    whether the folder may be a link. Raises OSError if the folder cannot be opened, or if its file system has no locks.
    """
    if _fcntl is not None:
        return _lock_folder(folder, wait=False, follow_links=follow_links)
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
    if _msvcrt is not None:
        return _lock_stand_in(folder, stand_in)
    raise OSError(errno.ENOTSUP, "this system's Python has no file locks")


def wait_for_lock(folder: Path, stand_in: Path, *, follow_links: bool = True) -> FolderLock:
    """Locks a folder as `try_lock` does, but waits while the lock is held elsewhere."""
    lock = _lock_folder(folder, wait=True, follow_links=follow_links) if _fcntl is not None else None
    while lock is None:
        lock = try_lock(folder, stand_in, follow_links=follow_links)
        if lock is None:
            time.sleep(_LOOK_SECONDS)
    return lock


def _lock_folder(folder: Path, *, wait: bool, follow_links: bool = True) -> FolderLock | None:
    flags = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | (0 if follow_links else getattr(os, "O_NOFOLLOW", 0))
    file = os.open(folder, flags)
    try:
        _fcntl.flock(file, _fcntl.LOCK_EX | (0 if wait else _fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(file)
        return None
    except BaseException:
        os.close(file)
        raise
    return FolderLock(folder, file, None)


def _lock_stand_in(folder: Path, stand_in: Path) -> FolderLock | None:
    file = os.open(stand_in, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _msvcrt.locking(file, _msvcrt.LK_NBLCK, 1)
        if os.path.samestat(os.fstat(file), os.stat(stand_in)):  # else its holder has just removed it
            return FolderLock(folder, file, stand_in)
    except (PermissionError, FileNotFoundError):  # it is locked, or has just been removed
        pass
    except BaseException:
        os.close(file)
        raise
    os.close(file)
    return None
