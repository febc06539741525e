"""Keeps a helper process off one of the processors while versions answer requests. Only Linux can do that."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

from lightship.process_tree import threads_of

# A process gets all processors if, over so many seconds, it has less than half of those that it was left with, although
# it waits for them for so much of the time.
_LOOK_SECONDS = 0.5
_LEAST_WAITING = 0.25


class SparedProcessor:
    """Keeps a process off one processor, so that a request finds that one free.

    Linux does not always interrupt a process of low priority at once when a request wakes a thread: not in the middle
    of a system call or a page fault, for example. Where there is a free processor, the thread need not wait.

    The process gets all processors back if other work leaves it little of the others.
    """

    def __init__(self, pid: int) -> None:
        """Does nothing if there is only one processor, or elsewhere than on Linux."""
        self._pid = pid
        self._usable: set[int] = set()
        self._looked_at, self._times = time.monotonic(), _times(pid)
        if sys.platform == "linux":
            with suppress(OSError):  # the process has ended
                usable = os.sched_getaffinity(pid)
                if len(usable) > 1:
                    self._usable = usable
                    self._keep_to(usable - {min(usable)})

    def look(self) -> None:
        """Gives the process all processors back if it had little of its own since the last look. Call this often."""
        seconds = time.monotonic() - self._looked_at
        if not self._usable or seconds < _LOOK_SECONDS:
            return
        before, self._times = self._times, _times(self._pid)
        ran = waited = 0
        for thread, times in self._times.items():
            earlier = before.get(thread, (0, 0))
            ran, waited = ran + times[0] - earlier[0], waited + times[1] - earlier[1]
        nanoseconds = seconds * 1e9
        if ran < nanoseconds * (len(self._usable) - 1) / 2 and waited > _LEAST_WAITING * nanoseconds:
            self._keep_to(self._usable)
            self._usable = set()
        self._looked_at += seconds

    def _keep_to(self, processors: set[int]) -> None:
        """Lets all threads run on these processors only, and those that they start."""
        if sys.platform == "linux":
            for thread in threads_of(self._pid):
                with suppress(OSError):  # it has ended, or a processor was taken away
                    os.sched_setaffinity(int(thread.name), processors)


def _times(pid: int) -> dict[str, tuple[int, int]]:
    """Returns for how many nanoseconds each thread has run, and has waited for a processor."""
    times = {}
    for thread in threads_of(pid):
        with suppress(OSError, ValueError):  # it has ended, or the system does not tell
            ran, waited, _ = (thread / "schedstat").read_text().split()
            times[thread.name] = int(ran), int(waited)
    return times
