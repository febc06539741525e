"""Threads that do the work of requests, so that the event loop only moves bytes.

Few threads, since the engine has its own; a bounded queue, since what waits holds memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from lightship.errors import Cancelled, Unavailable

Argument = TypeVar("Argument")
Result = TypeVar("Result")


@dataclass(slots=True)
class _Job(Generic[Argument, Result]):
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Result]
    argument: Argument | None


class Workers(Generic[Argument, Result]):
    """Runs `function` on what is submitted. `submit` is for the event loop's thread alone."""

    def __init__(self, function: Callable[[Argument], Result], threads: int, most_waiting: int) -> None:
        self._function = function
        self._most = threads + most_waiting
        self._jobs: queue.SimpleQueue[_Job[Argument, Result] | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work, name=f"rest-{n}", daemon=True) for n in range(threads)]
        self.unfinished = 0
        for thread in self._threads:
            thread.start()

    def submit(self, argument: Argument) -> asyncio.Future[Result]:
        """The result to wait for. A job whose future is done or cancelled before its turn is not run.

        Raises Unavailable when too much waits already.
        """
        if self.unfinished >= self._most:
            raise Unavailable(f"{self._most} requests wait already; try again soon")
        loop = asyncio.get_running_loop()
        job = _Job(loop, loop.create_future(), argument)
        self.unfinished += 1
        self._jobs.put(job)
        return job.future

    def close(self) -> None:
        """Ends the threads after what they do now; what waits is not run."""
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._run(job)
            del job  # what it held must not wait for the next one

    def _run(self, job: _Job[Argument, Result]) -> None:
        result: Result | BaseException = Cancelled("nobody waits for this call any more")
        argument, job.argument = job.argument, None
        if not job.future.done():
            try:
                result = self._function(argument)  # type: ignore[arg-type]
            except BaseException as error:
                result = error
        del argument
        with contextlib.suppress(RuntimeError):  # the loop has ended
            job.loop.call_soon_threadsafe(self._finish, job.future, result)

    def _finish(self, future: asyncio.Future[Result], result: Result | BaseException) -> None:
        self.unfinished -= 1
        if future.done():
            return
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)
