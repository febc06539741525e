"""Calls a function for many items on several threads, and yields the results in the order of the items."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(
    function: Callable[[T], R], items: Iterable[T], threads: int, *, always_finish: bool = False
) -> Iterator[R]:
    """Yields `function(item)` for each item, in order. At most `threads` calls run at the same time.

    Items are taken in the caller's thread, at most `2 * threads` ahead of the results, so an endless iterator works.
    An error of a call is raised where its result would be. Then no further call is made, and those that run are
    finished first, except after an interrupt or if the caller wants no more results. `always_finish`: they are finished
    then too, because they take a moment only, and the process must not end while they run.
    """
    with _Pool(function, threads, always_finish) as pool:
        waiting: deque[Future[R]] = deque()
        for item in items:
            waiting.append(pool.submit(item))
            del item  # the pool has it until it is done
            while waiting and (len(waiting) >= 2 * threads or waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class _Pool(Generic[T, R]):
    """Daemon threads, so that one that waits for a silent server does not keep the process from ending.

    The threads of `concurrent.futures` do keep it.
    """

    def __init__(self, function: Callable[[T], R], most: int, always_finish: bool) -> None:
        self._function, self._most, self._always_finish = function, most, always_finish
        self._queue: SimpleQueue[tuple[Future[R], T] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._ended = False

    def submit(self, item: T) -> Future[R]:
        """Returns the result of `function(item)`, once it is there. Raises RuntimeError if no thread can be started."""
        future: Future[R] = Future()
        self._queue.put((future, item))
        if len(self._threads) < self._most:
            self._add_thread()
        return future

    def _add_thread(self) -> None:
        thread = threading.Thread(target=self._work, name="lightship-client", daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError):  # the system allows no further thread now
            if not self._threads:
                raise
        else:
            self._threads.append(thread)

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            future, item = job
            if self._ended:
                continue
            try:
                result = self._function(item)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
                del result
            del job, future, item  # while this thread waits, it keeps no photo in memory

    def __enter__(self) -> _Pool[T, R]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        for _ in self._threads:
            self._queue.put(None)
        if kind is None or issubclass(kind, Exception) or self._always_finish:
            for thread in self._threads:
                thread.join()
