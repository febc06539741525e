"""Pauses work in the background while the server computes, so that it does not take processors from requests.

A niceness alone leaves such work a quarter of a processor that a run needs, and a run on all processors ends when the
slowest of its threads does. So the work pauses when a run begins, and goes on when no run is under way: helper
processes, and threads that read large files. It pauses for at most three times as long as it could go on undisturbed
before. So on a server that computes all the time it hardly pauses, and has the share that its niceness leaves it.

Measuring what runs cost also pauses while a version is compiled: both together delay requests more.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from lightship.priority import has_low_priority
from lightship.threads import start_thread

MAX_SECONDS = 0.2  # the longest pause in one go
_PER_FREE_SECOND = 3.0  # seconds of pauses for each second in which nothing was computed
_MAX_ALLOWANCE = 0.5  # seconds
_MIN_ALLOWANCE = 0.005  # seconds; a shorter pause would gain nothing
_LOOK_SECONDS = 0.05


class Pausable(Protocol):
    """Work that can pause. Runs wait for its methods, so they return at once, and raise nothing.

    It goes on when `go_on` was called as often as `pause`.
    """

    def pause(self) -> None: ...

    def go_on(self) -> None: ...


class Pauses:
    """Lets work pause while a run is under way: in a `with` block of this object. Any thread may use it."""

    def __init__(self, max_seconds: float = MAX_SECONDS, allowance: float = 0.0) -> None:
        """allowance: the seconds for which work may pause before it could go on undisturbed."""
        self._max_seconds, self._allowance = max_seconds, allowance
        self._lock = threading.Lock()
        self._works: list[Pausable] = []
        self._runs = 0
        self._free_since = 0.0  # by `time.monotonic`, if no run is under way
        self._pausing: list[Pausable] = []
        self._paused_at = 0.0
        self._watched = False

    def __enter__(self) -> None:
        with self._lock:
            self._runs += 1
            if self._works and self._runs == 1:
                now = time.monotonic()
                grown = self._allowance + _PER_FREE_SECOND * (now - self._free_since)
                self._allowance = max(self._allowance, min(grown, _MAX_ALLOWANCE))
                self._pause(now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._runs -= 1
            if not self._runs and self._works:
                self._free_since = time.monotonic()
                self._go_on(self._free_since)

    def add(self, work: Pausable) -> None:
        """Lets work pause while runs are under way, unless no thread can be started that ends long pauses."""
        with self._lock:
            self._watched = self._watched or start_thread(self._watch, name="lightship-pauses")
            if self._watched:
                self._add(work)

    def remove(self, work: Pausable) -> None:
        """Lets work pause no more. Call this before a process is reaped: then its id may belong to another one."""
        with self._lock:
            if work in self._works:
                self._works.remove(work)
            if work in self._pausing:
                self._end_pause_of(work, time.monotonic())

    @contextmanager
    def between_pieces(self) -> Iterator[Callable[[], None]]:
        """Yields a function to call between two pieces of work. While a run is under way it waits, within the limits.

        It does nothing if this thread has the usual priority.
        """
        if not has_low_priority():
            yield lambda: None
            return
        pieces = _Pieces()
        with self._lock:
            self._add(pieces)

        def wait() -> None:
            while not pieces.may_go_on.wait(_LOOK_SECONDS):
                self._look()  # a thread of low priority must not start one that watches

        try:
            yield wait
        finally:
            self.remove(pieces)

    def _add(self, work: Pausable) -> None:
        """Adds work, which pauses at once if a run is under way. The caller holds the lock."""
        now = time.monotonic()
        if not self._works:
            self._free_since = now
        self._works.append(work)
        if self._pausing:
            self._pausing.append(work)
            work.pause()
        elif self._runs:
            self._pause(now)

    def _watch(self) -> None:
        """Looks after pauses as long as there is work."""
        while True:
            time.sleep(_LOOK_SECONDS)
            with self._lock:
                if not self._works:
                    self._watched = False
                    return
            self._look()

    def _look(self) -> None:
        """Ends a pause that lasts too long, or begins a further one."""
        with self._lock:
            now = time.monotonic()
            if self._pausing:
                if now - self._paused_at >= min(self._max_seconds, self._allowance):
                    self._go_on(now)
            elif self._runs:
                self._pause(now)

    def _pause(self, now: float) -> None:
        """Begins a pause if there may be one. The caller holds the lock."""
        if self._allowance > _MIN_ALLOWANCE and not self._pausing:
            self._pausing, self._paused_at = list(self._works), now
            for work in self._pausing:
                work.pause()

    def _go_on(self, now: float) -> None:
        """Ends a pause, if there is one. The caller holds the lock."""
        for work in list(self._pausing):
            self._end_pause_of(work, now)

    def _end_pause_of(self, work: Pausable, now: float) -> None:
        """Lets work go on. The pause ends with that of the last. The caller holds the lock."""
        self._pausing.remove(work)
        work.go_on()
        if not self._pausing:
            self._allowance -= now - self._paused_at


class _Pieces:
    """The work of a thread, which pauses between two pieces of it."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.go_on()

    def pause(self) -> None:
        self.may_go_on.clear()

    def go_on(self) -> None:
        self.may_go_on.set()


# For work that pauses while requests are computed.
PAUSES = Pauses()
# For work that pauses while versions are compiled, for however long that takes.
LOADS = Pauses(math.inf, math.inf)
