"""The threads of the gRPC server: one for each call that is open, since each waits for its message on its thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

MOST_THREADS = 512
_IDLE_SECONDS = 10.0  # after which a thread that has nothing to do ends

_Job = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class CallThreads(ThreadPoolExecutor):
    """Daemon threads, started when none is idle, up to `most`; further calls wait, unread.

    A `ThreadPoolExecutor` because grpcio asks for one; that class's own threads would keep a process from ending that
    cuts a call off.
    """

    def __init__(self, most: int = MOST_THREADS) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._jobs: deque[_Job] = deque()
        self._idle = self._alive = 0
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        with self._changed:
            if self._closed:
                raise RuntimeError("the server has stopped")
            self._jobs.append((future, fn, args, kwargs))
            if self._idle >= len(self._jobs):
                self._changed.notify()
            elif self._alive < self._most:
                self._alive += 1
                threading.Thread(target=self._work, name="grpc-call", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the threads after what they do; waits for none of them."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            future, function, arguments, named = job
            try:
                future.set_result(function(*arguments, **named))
            except BaseException as error:
                future.set_exception(error)
            del job, future, function, arguments, named  # what they hold must not wait for the next one

    def _next(self) -> _Job | None:
        """What to do; None where the thread is to end."""
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._jobs or self._closed, _IDLE_SECONDS)
            self._idle -= 1
            if self._jobs:
                return self._jobs.popleft()
            self._alive -= 1
            return None
