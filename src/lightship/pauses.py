"""Pauses helper processes while the server computes, so that they do not take processors from its requests.

A niceness alone leaves a helper a quarter of a processor that a run needs, and a run on all processors ends when the
slowest of its threads does. So a helper is stopped by SIGSTOP when a run begins, and continued when no run is under
way. Helpers are stopped for at most three times as long as they could run undisturbed before. So on a server that
computes all the time they are not stopped at all, and have the share that their niceness leaves them.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import Protocol

from lightship.threads import start_thread

MAX_SECONDS = 0.2  # the longest time for which helpers are stopped in one go
_PER_FREE_SECOND = 3.0  # seconds for which helpers may be stopped for each in which nothing was computed
_MAX_ALLOWANCE = 0.5  # seconds
_MIN_ALLOWANCE = 0.005  # seconds; a shorter pause would gain nothing
_LOOK_SECONDS = 0.05
_STOP: int = getattr(signal, "SIGSTOP", 0)  # Windows has neither
_CONTINUE: int = getattr(signal, "SIGCONT", 0)


class Pausable(Protocol):
    """A helper process."""

    # The seconds for which it has been stopped.
    paused: float

    @property
    def pid(self) -> int: ...


class Pauses:
    """Stops processes while a run is under way: in a `with` block of this object. Any thread may use it."""

    def __init__(self, max_seconds: float = MAX_SECONDS, allowance: float = 0.0) -> None:
        """allowance: the seconds for which processes may be stopped before they could run undisturbed."""
        self._max_seconds, self._allowance = max_seconds, allowance
        self._lock = threading.Lock()
        self._processes: list[Pausable] = []
        self._runs = 0
        self._free_since = 0.0  # by `time.monotonic`, if no run is under way
        self._stopped: list[Pausable] = []
        self._stopped_at = 0.0
        self._watched = False

    def __enter__(self) -> None:
        with self._lock:
            self._runs += 1
            if self._processes and self._runs == 1:
                now = time.monotonic()
                grown = self._allowance + _PER_FREE_SECOND * (now - self._free_since)
                self._allowance = max(self._allowance, min(grown, _MAX_ALLOWANCE))
                self._stop(now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._runs -= 1
            if not self._runs and self._processes:
                self._free_since = time.monotonic()
                self._continue(self._free_since)

    def add(self, process: Pausable) -> None:
        """Pauses a process from now on, unless no thread can be started that ends long pauses."""
        with self._lock:
            self._watched = self._watched or start_thread(self._watch, name="lightship-pauses")
            if self._watched:
                if not self._processes:
                    self._free_since = time.monotonic()
                self._processes.append(process)

    def remove(self, process: Pausable) -> None:
        """Stops pausing a process. Call this before it is reaped: afterwards its id may belong to another process."""
        with self._lock:
            if process in self._processes:
                self._processes.remove(process)
            if process in self._stopped:
                self._stopped.remove(process)
                self._signal(process, _CONTINUE)

    def _watch(self) -> None:
        """Ends pauses that last too long and begins further ones, as long as there are processes."""
        while True:
            time.sleep(_LOOK_SECONDS)
            with self._lock:
                now = time.monotonic()
                if not self._processes:
                    self._watched = False
                    return
                if self._stopped:
                    if now - self._stopped_at >= min(self._max_seconds, self._allowance):
                        self._continue(now)
                elif self._runs:
                    self._stop(now)

    def _stop(self, now: float) -> None:
        """Stops the processes if they may be stopped. The caller holds the lock."""
        if self._allowance > _MIN_ALLOWANCE and not self._stopped:
            self._stopped, self._stopped_at = list(self._processes), now
            for process in self._stopped:
                self._signal(process, _STOP)

    def _continue(self, now: float) -> None:
        """Continues the processes that are stopped, if there are any. The caller holds the lock."""
        if not self._stopped:
            return
        for process in self._stopped:
            self._signal(process, _CONTINUE)
            process.paused += now - self._stopped_at
        self._stopped = []
        self._allowance -= now - self._stopped_at

    def _signal(self, process: Pausable, number: int) -> None:
        if sys.platform != "win32":
            with suppress(OSError):  # it has ended, and is reaped after `remove`
                os.kill(process.pid, number)


PAUSES = Pauses()
