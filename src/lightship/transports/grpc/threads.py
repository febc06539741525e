"""The threads of the gRPC server. Each open call uses one thread, on which it also waits for its request."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

MAX_THREADS = 512
_IDLE_SECONDS = 10.0  # seconds after which an idle thread ends

_Job = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class CallThreads(ThreadPoolExecutor):
    """An executor with up to `most` daemon threads.

    A thread is started if none is idle. If all threads are busy, further calls wait, and their requests are not read.
    The class derives from `ThreadPoolExecutor` because grpcio requires that. It does not use that class's own threads,
    because they would keep the process alive when a call is cut off.
    """

    def __init__(self, most: int = MAX_THREADS) -> None:
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
        """Ends each thread after its current call and the calls that wait. Does not wait for the threads."""
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
            del job, future, function, arguments, named  # frees the objects of this call before the next one comes

    def _next(self) -> _Job | None:
        """Returns the next job, or None if the thread must end."""
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._jobs or self._closed, _IDLE_SECONDS)
            self._idle -= 1
            if self._jobs:
                return self._jobs.popleft()
            self._alive -= 1
            return None
