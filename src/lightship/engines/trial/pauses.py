"""Pauses helper processes while the server computes, so that they do not take processors from its requests.

A niceness alone leaves a helper a quarter of a processor that a run needs, and a run on all processors ends when the
slowest of its threads does. So a helper is stopped by SIGSTOP when a run begins, and continued when no run is under
way. It runs for at least a quarter of the time, whatever the server computes. Only Linux ends a helper that is stopped
when the server is killed, so nothing is paused elsewhere.
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

# The longest time for which helpers are stopped in one go. Runs that end sooner end the pause.
MAX_SECONDS = 0.2
# After a pause, helpers run for at least this share of its time before the next one: a quarter of all time.
_AFTERWARDS = 1 / 3
_LOOK_SECONDS = 0.05
_STOP: int = getattr(signal, "SIGSTOP", 0)  # Windows has neither
_CONTINUE: int = getattr(signal, "SIGCONT", 0)


class Pausable(Protocol):
    """A process that leads a group, which is stopped with it."""

    # The seconds for which it has been stopped.
    paused: float

    @property
    def pid(self) -> int: ...


class Pauses:
    """Stops processes while a run is under way: in a `with` block of this object. Any thread may use it."""

    def __init__(self, max_seconds: float = MAX_SECONDS, afterwards: float = _AFTERWARDS) -> None:
        self._max_seconds, self._afterwards = max_seconds, afterwards
        self._lock = threading.Lock()
        self._processes: list[Pausable] = []
        self._runs = 0
        self._stopped: list[Pausable] = []
        # When those were stopped, and from when on the next ones may be, by `time.monotonic`.
        self._since = self._next = 0.0
        self._watched = False

    def __enter__(self) -> None:
        with self._lock:
            self._runs += 1
            if self._processes and self._runs == 1:
                self._stop()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._runs -= 1
            if self._stopped and not self._runs:
                self._continue()

    def add(self, process: Pausable) -> None:
        """Pauses a process from now on, unless nothing would continue it if a run took long."""
        if sys.platform != "linux":
            return
        with self._lock:
            self._watched = self._watched or start_thread(self._watch, name="lightship-pauses")
            if self._watched:
                self._processes.append(process)

    def remove(self, process: Pausable) -> None:
        """Pauses a process no more. Call it before the process is reaped: its id may be another one's afterwards."""
        with self._lock:
            if process in self._processes:
                self._processes.remove(process)
            if process in self._stopped:
                self._stopped.remove(process)
                self._signal(process, _CONTINUE)

    def _watch(self) -> None:
        """Sees to it that helpers run for their share while runs are under way, and ends when there are none."""
        while True:
            time.sleep(_LOOK_SECONDS)
            with self._lock:
                if not self._processes:
                    self._watched = False
                    return
                if not self._stopped:
                    if self._runs:
                        self._stop()
                elif not self._runs or time.monotonic() - self._since >= self._max_seconds:
                    self._continue()

    def _stop(self) -> None:
        """Stops the processes, unless they still have to run. The caller holds the lock."""
        now = time.monotonic()
        if now >= self._next and not self._stopped:
            self._stopped, self._since = list(self._processes), now
            for process in self._stopped:
                self._signal(process, _STOP)

    def _continue(self) -> None:
        now = time.monotonic()
        for process in self._stopped:
            self._signal(process, _CONTINUE)
            process.paused += now - self._since
        self._stopped, self._next = [], now + self._afterwards * (now - self._since)

    def _signal(self, process: Pausable, number: int) -> None:
        if sys.platform != "win32":
            with suppress(OSError):  # it has ended, and is reaped after `remove`
                os.killpg(process.pid, number)


PAUSES = Pauses()
