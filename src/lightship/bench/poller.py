"""Waits for sockets with a precise timeout.

Event loops wait whole milliseconds: uvloop by its timers, asyncio by epoll's. A constant rate needs better. The system
call select has microseconds, and can wait for epoll itself.
"""

from __future__ import annotations

import ctypes
import select
import selectors
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_MAX_DESCRIPTOR = 1023  # that select takes
_PR_SET_TIMERSLACK = 29


class Poller:
    """Calls a function for each socket that is ready."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        fileno = getattr(self._selector, "fileno", None)
        self._descriptor = fileno() if sys.platform == "linux" and fileno is not None else _MAX_DESCRIPTOR + 1

    def watch(self, file: Any, events: int, call: Callable[[int], None]) -> None:
        self._selector.register(file, events, call)

    def change(self, file: Any, events: int, call: Callable[[int], None]) -> None:
        self._selector.modify(file, events, call)

    def forget(self, file: Any) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(file)

    def wait(self, seconds: float) -> None:
        """Waits at most so long, and calls what is ready."""
        if seconds > 0 and self._descriptor <= _MAX_DESCRIPTOR:
            select.select([self._descriptor], [], [], seconds)
            seconds = 0
        if not self._selector.get_map():  # select on Windows refuses to wait for nothing
            return
        for key, events in self._selector.select(max(seconds, 0)):
            key.data(events)

    def close(self) -> None:
        self._selector.close()


def wake_up_precisely() -> None:
    """Asks Linux to end this thread's waits on time, instead of up to 50 microseconds later."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
