"""Threads that work when they are needed, and end when they were idle for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from lightship.threads import start_thread

_IDLE_SECONDS = 10.0


class Streams:
    """Runs `work` on threads of its own, once for each call of `wake`. Any thread may call."""

    def __init__(self, work: Callable[[], None], name: str, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._work, self._name, self._idle_seconds = work, name, idle_seconds
        self._lock = threading.Lock()
        self._tokens: SimpleQueue[bool] = SimpleQueue()
        self._idle = 0
        self._closed = False

    def wake(self) -> bool:
        """Lets an idle thread work, or a new one. Returns False if the system allows no further thread now."""
        with self._lock:
            if self._idle:
                self._idle -= 1
                self._tokens.put(True)
                return True
        return start_thread(self._run, name=self._name)

    def close(self) -> None:
        """Ends the threads that are idle, and the others when they have worked. Does not wait for them."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, 0
        for _ in range(idle):
            self._tokens.put(False)

    def _run(self) -> None:
        self._work()
        while self._next():
            self._work()

    def _next(self) -> bool:
        """Waits for more work. Returns False if the thread is to end."""
        with self._lock:
            if self._closed:
                return False
            self._idle += 1
        while True:
            try:
                return self._tokens.get(timeout=self._idle_seconds)
            except Empty:
                with self._lock:
                    if self._idle:
                        self._idle -= 1
                        return False
                # otherwise there is a token for this thread now
