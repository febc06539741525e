"""Work that needs the engine in between, written as a generator.

It yields each run of the engine that it needs and is sent the results, or the error. So it can be driven by a thread
that waits, or without one.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

from lightship.batching.base import EngineCall, Results, Scheduler

Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class EngineRun:
    """A run of the engine that some work waits for."""

    scheduler: Scheduler
    call: EngineCall
    # The seconds from its submission to its results, set by whoever lets it run: those in queues count too.
    seconds: float = 0.0


Steps = Generator[EngineRun, Results, Result]


def complete(steps: Steps[Result]) -> Result:
    """Does all steps on this thread, and returns the result."""
    try:
        run = next(steps)
        while True:
            begun = time.perf_counter()
            try:
                results = run.scheduler.run(run.call)
            except BaseException as error:
                run = steps.throw(error)
            else:
                run.seconds = time.perf_counter() - begun
                run = steps.send(results)
    except StopIteration as end:
        result: Result = end.value
        return result
