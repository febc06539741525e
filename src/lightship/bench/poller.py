"""Waits for sockets with a precise timeout.

Event loops wait whole milliseconds: uvloop by its timers, asyncio by epoll's. A constant rate needs better. The system
call select has microseconds, and can wait for epoll itself.
"""

from __future__ import annotations

import ctypes
import select
import selectors
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_LONG = 0.02  # seconds, from which a millisecond does not matter
_MAX_DESCRIPTOR = 1023  # that select takes
_PR_SET_TIMERSLACK = 29


class Poller(Protocol):
    """Calls a function for each socket that is ready."""

    def watch(self, file: socket.socket, events: int, call: Callable[[int], None]) -> None: ...

    def change(self, file: socket.socket, events: int, call: Callable[[int], None]) -> None: ...

    def forget(self, file: socket.socket) -> None: ...

    def wait(self, seconds: float) -> None:
        """Waits at most so long, and calls what is ready."""

    def close(self) -> None: ...


class SelectorPoller:
    """For other systems."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def watch(self, file: socket.socket, events: int, call: Callable[[int], None]) -> None:
        self._selector.register(file, events, call)

    def change(self, file: socket.socket, events: int, call: Callable[[int], None]) -> None:
        self._selector.modify(file, events, call)

    def forget(self, file: socket.socket) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(file)

    def wait(self, seconds: float) -> None:
        if not self._selector.get_map():  # select on Windows refuses to wait for nothing
            time.sleep(max(seconds, 0))
            return
        for key, events in self._selector.select(max(seconds, 0)):
            if key.fileobj in self._selector.get_map():
                key.data(events)

    def close(self) -> None:
        self._selector.close()


if sys.platform == "linux":

    class EpollPoller:
        """For Linux. epoll alone would wait whole milliseconds."""

        def __init__(self) -> None:
            self._epoll = select.epoll()
            self._descriptor = self._epoll.fileno()
            self._calls: dict[int, Callable[[int], None]] = {}

        def watch(self, file: socket.socket, events: int, call: Callable[[int], None]) -> None:
            self._calls[file.fileno()] = call
            self._epoll.register(file, _epoll_events(events))

        def change(self, file: socket.socket, events: int, call: Callable[[int], None]) -> None:
            self._calls[file.fileno()] = call
            self._epoll.modify(file, _epoll_events(events))

        def forget(self, file: socket.socket) -> None:
            if self._calls.pop(file.fileno(), None) is not None:
                self._epoll.unregister(file)

        def wait(self, seconds: float) -> None:
            if 0 < seconds < _LONG and self._descriptor <= _MAX_DESCRIPTOR:
                select.select([self._descriptor], [], [], seconds)
                seconds = 0
            calls = self._calls
            for descriptor, events in self._epoll.poll(max(seconds, 0)):
                call = calls.get(descriptor)  # one that was called before may have closed it
                if call is not None:
                    call((READ if events & ~select.EPOLLOUT else 0) | (WRITE if events & ~select.EPOLLIN else 0))

        def close(self) -> None:
            self._epoll.close()

    def _epoll_events(events: int) -> int:
        return (select.EPOLLIN if events & READ else 0) | (select.EPOLLOUT if events & WRITE else 0)

    def make_poller() -> Poller:
        return EpollPoller()

else:

    def make_poller() -> Poller:
        return SelectorPoller()


def wake_up_precisely() -> None:
    """Asks Linux to end this thread's waits on time, instead of up to 50 microseconds later."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
