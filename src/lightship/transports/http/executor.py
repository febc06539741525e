"""Runs requests on threads, so that the event loop only transfers bytes.

There are few threads, because the engine has its own threads. The queue is bounded, because waiting requests use
memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import threading
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from lightship.errors import Cancelled, Unavailable

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Job(Protocol[Result_co]):
    """Work that holds resources. Either `run` or `release` is called, exactly once."""

    def run(self) -> Result_co:
        """Does the work and releases the job's resources."""

    def release(self) -> None:
        """Releases the job's resources without doing the work."""


@dataclass(slots=True)
class _Submitted(Generic[Result]):
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Result]
    job: Job[Result] | None


class Executor(Generic[Result]):
    """Runs jobs on its own threads. `submit` may be called only on the event loop's thread."""

    def __init__(self, threads: int, max_waiting: int) -> None:
        self._max_unfinished = threads + max_waiting
        self._queue: queue.SimpleQueue[_Submitted[Result] | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work, name=f"rest-{n}", daemon=True) for n in range(threads)]
        self.unfinished = 0
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job[Result]) -> asyncio.Future[Result]:
        """Queues a job and returns a future of its result.

        If the future is done or cancelled before a thread takes the job, the job is released instead. Raises
        Unavailable if too many jobs wait already; the caller must then release the job.
        """
        if self.unfinished >= self._max_unfinished:
            raise Unavailable(f"{self._max_unfinished} requests wait already; try again soon")
        loop = asyncio.get_running_loop()
        submitted = _Submitted(loop, loop.create_future(), job)
        self.unfinished += 1
        self._queue.put(submitted)
        return submitted.future

    def close(self) -> None:
        """Ends the threads once the queue is empty. Does not wait for them."""
        for _ in self._threads:
            self._queue.put(None)

    def _work(self) -> None:
        while (submitted := self._queue.get()) is not None:
            self._run(submitted)
            del submitted  # frees the job's objects before the next job comes

    def _run(self, submitted: _Submitted[Result]) -> None:
        result: Result | BaseException
        job, submitted.job = submitted.job, None
        assert job is not None
        try:
            if submitted.future.done():
                job.release()
                result = Cancelled("the client does not wait for this call any more")
            else:
                result = job.run()
        except BaseException as error:
            result = error
        del job
        with contextlib.suppress(RuntimeError):  # the loop has ended
            submitted.loop.call_soon_threadsafe(self._finish, submitted.future, result)

    def _finish(self, future: asyncio.Future[Result], result: Result | BaseException) -> None:
        self.unfinished -= 1
        if future.done():
            return
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)


def default_threads() -> int:
    """Returns two threads per processor core, and at least four."""
    return max(4, 2 * (os.cpu_count() or 1))
