"""Writes whole lines into a file or a pipe, into which other processes may write too."""

from __future__ import annotations

import math
import os
import select
import stat
import sys
import time
from collections.abc import Callable, Iterator

_SHARED_BYTES = 4096  # of a shared pipe that are written at once; POSIX does not let other writers in between
_OWN_BYTES = 64 << 10
_LOOK = 100  # milliseconds between two checks of whether to give up


class WholeLines:
    """Writes into a descriptor. Must be used by one thread, which may wait for the reader of a pipe.

    `give_up_at` is when it no longer waits, by `time.monotonic`. `error` is the last one of the system.
    """

    def __init__(self, fd: int, *, shared: bool = False) -> None:
        """shared: other processes write into it too. Lines must be shorter than 4096 bytes then."""
        self.fd, self.give_up_at = fd, math.inf
        self.error: OSError | None = None
        self._part_bytes = _SHARED_BYTES if shared else _OWN_BYTES
        self._regular = stat.S_ISREG(os.fstat(fd).st_mode)
        self._cut = False  # the last line is not complete
        self._is_full = _never if self._regular else _fullness_of(fd)

    def write(self, lines: bytes) -> int:
        """Writes complete lines. Returns how many could not be written."""
        self.error = None
        for start, end in self._parts(lines):
            written = self._write_part(lines[start:end])
            if start + written < end:
                return lines.count(b"\n", start + written)
        return 0

    def _parts(self, lines: bytes) -> Iterator[tuple[int, int]]:
        """Yields what is written at once: all for a file, to which the system appends it as a whole."""
        start, size = 0, len(lines) if self._regular else self._part_bytes
        while start < len(lines):
            end = lines.rfind(b"\n", start, start + size) + 1 or lines.index(b"\n", start) + 1
            yield start, end
            start = end

    def _write_part(self, part: bytes) -> int:
        """Returns how many bytes were written. A line that was cut before, by a full disk, is ended first."""
        begun = b"\n" if self._cut else b""
        left = memoryview(begun + part)
        while left and self._wait_writable():
            try:
                left = left[os.write(self.fd, left) :]
            except BlockingIOError:
                continue
            except OSError as error:
                self.error = error
                break
        written = len(begun) + len(part) - len(left)
        if written:
            self._cut = (begun + part)[written - 1] != ord("\n")
        return max(0, written - len(begun))

    def _wait_writable(self) -> bool:
        """Waits until a pipe has room. Returns False if it had none until the time to give up."""
        while self._is_full():
            if time.monotonic() >= self.give_up_at:
                return False
        return True


def _fullness_of(fd: int) -> Callable[[], bool]:
    """Returns a function that waits a moment for room in a pipe, and returns True if there was none."""
    if sys.platform == "win32":  # has no poll
        return _never
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return lambda: not poll.poll(_LOOK)


def _never() -> bool:
    return False
