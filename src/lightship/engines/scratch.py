"""Temporary folders. A folder that a killed process left behind is removed by a later process."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lightship.locks import FolderLock, try_lock, wait_for_lock

logger = logging.getLogger(__name__)

PREFIX = "lightship-work-"
# The owner may not have locked a folder that is younger than this.
_YOUNG_SECONDS = 5.0


class Scratch:
    """An empty temporary folder that belongs to this process. It is removed at the latest when the process ends.

    The process holds a lock on the folder until the folder is removed or the process is killed. The lock shows other
    processes that the folder is in use. `parent` is the folder in which it is created; None means the system's
    temporary folder. Raises OSError if it cannot be created.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        self._process = os.getpid()
        self._lock: FolderLock | None = None
        self._removing = threading.Lock()
        with suppress(OSError):  # a network file system may lack locks; then `sweep` removes nothing there either
            self._lock = wait_for_lock(self.path, _stand_in(self.path), follow_links=False)
        _present.add(self)

    def remove(self) -> None:
        """Removes the folder. Several threads may call this; closing twice could close a file of somebody else."""
        with self._removing:
            if self._lock is not None:
                self._lock.release()
                self._lock = None
        shutil.rmtree(self.path, ignore_errors=True)
        _present.discard(self)

    def remove_at_exit(self) -> None:
        """Removes the folder if this process made it, and not the process that this one was forked from."""
        if self._process == os.getpid():
            self.remove()


_present: set[Scratch] = set()


@atexit.register
def remove_present() -> None:
    """Removes all folders of this process. `os._exit` does not do so: call it before, or they stay on the disk.

    They belong to threads that end with the process, in the middle of their work.
    """
    for one in list(_present):
        one.remove_at_exit()


@contextmanager
def scratch(parent: Path | None = None) -> Iterator[Path]:
    """Creates a `Scratch` folder and removes it after the block. A folder that was renamed in the block is kept."""
    made = Scratch(parent)
    try:
        yield made.path
    finally:
        made.remove()


def sweep(parent: Path) -> None:
    """Removes the temporary folders in `parent` that killed processes of this user left behind."""
    for place in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            _remove_if_left(place)


def _remove_if_left(place: Path) -> None:
    """Removes a folder unless a process uses it. Raises OSError if it no longer exists."""
    if not _is_old_and_own(os.lstat(place)):
        return
    lock = try_lock(place, _stand_in(place), follow_links=False)
    if lock is None:
        return
    try:
        if not _is_old_and_own(lock.status):  # it is another folder by now
            return
        logger.info("removing %s, which an earlier process left behind", place)
        shutil.rmtree(place, ignore_errors=True)
    finally:
        lock.release()


def _stand_in(place: Path) -> Path:
    return place.with_name(f".lock-of-{place.name}")


def _is_old_and_own(status: os.stat_result) -> bool:
    own = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()  # on Windows, each user has a folder of her own
    return own and time.time() - status.st_mtime >= _YOUNG_SECONDS
