"""Temporary folders. Those of a killed process are removed by a later one."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

logger = logging.getLogger(__name__)

PREFIX = "lightship-work-"
# One that was made just now may not be locked yet.
_YOUNG_SECONDS = 5.0


class Scratch:
    """An empty folder of this process's own. Its lock, which ends with the process, says that somebody works in it.

    parent: where it is made; None for the system's folder of temporary files. Raises OSError.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        self._lock: int | None = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        with suppress(OSError):  # a network's file system may have no such locks; then nothing is swept there either
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def remove(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        shutil.rmtree(self.path, ignore_errors=True)


@contextmanager
def scratch(parent: Path | None = None) -> Iterator[Path]:
    """A `Scratch` while the block runs. What was renamed meanwhile stays."""
    made = Scratch(parent)
    try:
        yield made.path
    finally:
        made.remove()


def sweep(parent: Path) -> None:
    """Removes what killed processes of this user left in a folder."""
    for place in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            _remove_if_left(place)


def _remove_if_left(place: Path) -> None:
    """Raises OSError where somebody works in it, or it is gone."""
    lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        status = os.fstat(lock)
        if status.st_uid != os.geteuid() or time.time() - status.st_mtime < _YOUNG_SECONDS:
            return
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        logger.info("removing %s, which an earlier process left behind", place)
        shutil.rmtree(place, ignore_errors=True)
    finally:
        os.close(lock)
