"""A semaphore that is cheap to take, and that lets nobody wait for ever."""

from __future__ import annotations

from collections import deque
from queue import Empty, SimpleQueue
from threading import Lock
from time import monotonic

_PATIENCE = 0.01  # seconds after which a thread that waits is served before threads that come later


class _Waiter:
    __slots__ = ("granted", "since", "woken")

    def __init__(self) -> None:
        self.since = monotonic()
        self.granted = False
        self.woken = Lock()
        self.woken.acquire()


class Semaphore:
    """Limits how many threads use something at once. It takes a fraction of the time of `threading.Semaphore`.

    A thread that comes just when a place is free takes it, because waking another one takes time. But a thread that has
    waited for a while is served first. Any thread may call.
    """

    __slots__ = ("_lock", "_tokens", "_waiters")

    def __init__(self, count: int) -> None:
        self._tokens: SimpleQueue[None] = SimpleQueue()
        self._lock = Lock()  # of the waiters
        self._waiters: deque[_Waiter] = deque()
        for _ in range(count):
            self._tokens.put(None)

    def acquire(self, timeout: float | None = None) -> bool:
        """Whether it was acquired within `timeout` seconds: 0 does not wait, None waits for as long as it takes."""
        try:
            self._tokens.get(False)
        except Empty:
            return (timeout is None or timeout > 0) and self._wait(timeout)
        return True

    def release(self) -> None:
        if not self._waiters:
            self._tokens.put(None)
            if self._waiters:  # it came just now, and may have missed the token
                self._wake()
            return
        with self._lock:
            waiter = self._waiters[0] if self._waiters else None
            if waiter is not None and monotonic() - waiter.since > _PATIENCE:
                self._waiters.popleft()
                waiter.granted = True
                _release(waiter.woken)
                return
        self._tokens.put(None)
        self._wake()

    def _wake(self) -> None:
        """Lets the thread that has waited longest try again."""
        with self._lock:
            if self._waiters:
                _release(self._waiters[0].woken)

    def _wait(self, timeout: float | None) -> bool:
        waiter = _Waiter()
        with self._lock:
            self._waiters.append(waiter)
        woken = True
        while not self._take(waiter):
            if not woken:
                return self._give_up(waiter)
            left = -1 if timeout is None else max(0.0, waiter.since + timeout - monotonic())
            woken = waiter.woken.acquire(timeout=left)
        return True

    def _take(self, waiter: _Waiter) -> bool:
        """Returns whether a waiter has a place now."""
        with self._lock:
            if waiter.granted:
                return True
            try:
                self._tokens.get(False)
            except Empty:
                return False
            self._waiters.remove(waiter)
            if self._waiters and not self._tokens.empty():  # this thread may have been woken for two places
                _release(self._waiters[0].woken)
            return True

    def _give_up(self, waiter: _Waiter) -> bool:
        with self._lock:
            if not waiter.granted:
                self._waiters.remove(waiter)
            return waiter.granted


def _release(lock: Lock) -> None:
    if lock.locked():
        lock.release()
