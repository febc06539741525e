"""Does the steps of a call, as a job that holds no thread while it waits for the engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from lightship.batching import EngineRun, Results, Steps
from lightship.errors import LightshipError
from lightship.tensors.array_memory import memory_of
from lightship.transports.http.executor import Pending

Result = TypeVar("Result")

_MAX_SHORT_BYTES = 64 << 10  # outputs up to this size are written in less time than a change of threads is worth


class EngineWait:
    """The wait for a run of the engine. It is a `Wait`."""

    __slots__ = ("_begun", "_call", "_over", "_run", "_scheduler", "outcome")

    def __init__(self, run: EngineRun) -> None:
        self._run, self._scheduler, self._call = run, run.scheduler, run.call
        self._begun = 0.0
        self._over: Callable[[], None] | None = None
        # The results or the error, when the wait is over.
        self.outcome: Results | BaseException = {}

    @property
    def room(self) -> int:
        return self._scheduler.room

    @property
    def refuses(self) -> bool:
        return self._scheduler.refuses

    @property
    def prepares(self) -> bool:
        return self._scheduler.prepares(self._call)

    @property
    def seconds(self) -> float:
        return self._call.seconds

    @property
    def joined(self) -> int:
        return self._call.joined

    @property
    def long(self) -> bool:
        return isinstance(self.outcome, dict) and memory_of(self.outcome.values()) > _MAX_SHORT_BYTES

    def begin(self, over: Callable[[], None], deadline: float | None) -> None:
        self._over, self._call.deadline, self._begun = over, deadline, time.perf_counter()
        self._scheduler.submit(self._call, self._done)

    def withdraw(self) -> bool:
        return self._scheduler.withdraw(self._call)

    def late_error(self) -> LightshipError:
        return self._scheduler.late_error(self._call)

    def _done(self, outcome: Results | BaseException) -> None:
        over, self._over, self.outcome = self._over, None, outcome
        self._run.seconds = time.perf_counter() - self._begun
        assert over is not None
        over()


class StepsJob(Generic[Result]):
    """A job that does the steps of a call, one part until each run of the engine."""

    __slots__ = ("_steps", "_wait")

    def __init__(self, steps: Steps[Result]) -> None:
        self._steps = steps
        self._wait: EngineWait | None = None

    def run(self) -> Result | Pending[Result]:
        """Does the next part. Raises the errors of the steps."""
        try:
            wait = self._wait = EngineWait(self._next())
        except StopIteration as end:
            result: Result = end.value
            return result
        return Pending(self, wait)

    def release(self) -> None:
        """Ends the steps where they are."""
        self._steps.close()

    def _next(self) -> EngineRun:
        wait, self._wait = self._wait, None
        if wait is None:
            return next(self._steps)
        outcome = wait.outcome
        return self._steps.throw(outcome) if isinstance(outcome, BaseException) else self._steps.send(outcome)
