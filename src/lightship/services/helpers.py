"""Lets idle processors help with work that consists of independent parts, such as the photos of one request."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from threading import Lock

from lightship.processors import available_cpus
from lightship.semaphore import Semaphore
from lightship.threads import start_thread

# Threads that help at a time, in the whole process: with those that they help they fill all processors.
_helpers = Semaphore(max(1, available_cpus()) - 1)


class _Parts:
    """Parts of one piece of work, which several threads take one by one. `stopped`: no further part is begun."""

    def __init__(self, work: Callable[[int], None], size: int) -> None:
        self._work = work
        self._size = size
        self._numbers = count()
        self.stopped = False
        self.done = [False] * size

    def run(self) -> None:
        while not self.stopped and (number := next(self._numbers)) < self._size:
            try:
                self._work(number)
            except Exception:  # whoever asked does this part again, and meets the error itself
                break
            self.done[number] = True
        self.stopped = True

    def help(self, finished: Lock) -> None:
        try:
            self.run()
        finally:
            _helpers.release()
            finished.release()


def try_together(work: Callable[[int], None], size: int) -> list[bool]:
    """Calls `work` with the numbers from 0 to below `size`, on this thread and on processors that are idle.

    Returns which of the calls succeeded. After one that raised an exception, whatever it was, no further ones are
    begun; all have ended when this returns. `work` must be safe to call on several threads at once.
    """
    parts = _Parts(work, size)
    running: list[Lock] = []
    try:
        # Helpers that end early leave their places to others, for whom nothing would be left to do.
        while not parts.stopped and len(running) < size - 1 and _helpers.acquire(0):
            finished = Lock()
            finished.acquire()
            if not start_thread(parts.help, finished, name="photo helper"):
                _helpers.release()
                break
            running.append(finished)
        parts.run()
    finally:
        parts.stopped = True
        for finished in running:
            finished.acquire()
    return parts.done
