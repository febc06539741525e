"""Runs a batch in one run of the engine or, if that fails, in smaller parts, and at last each call alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lightship.batching.base import Done, EngineCall, Ran, RanAtOnce, Results
from lightship.batching.batch import Rows, join, split
from lightship.engines.base import Engine

logger = logging.getLogger(__name__)

# Is told of each joint run: the number of its calls, and of their rows.
Observe = Callable[[int, int], None]


@dataclass(slots=True, eq=False)
class Waiting:
    """A call of a batch."""

    call: EngineCall
    rows: Rows
    done: Done

    def end(self, outcome: Results | BaseException) -> None:
        """Ends the call. An error of one handler must not cost the others of its batch their results."""
        try:
            self.done(outcome)
        except Exception:
            logger.exception("the handler of a call failed")


class JointRuns:
    """Runs batches of calls that have the same signature and key.

    `observe` is told of each joint run on a thread, and `ran` of every run on one. `ran_at_once` is told of the joint
    runs on the event loop.
    """

    def __init__(
        self, engine: Engine, observe: Observe, ran: Ran | None = None, ran_at_once: RanAtOnce | None = None
    ) -> None:
        self._engine, self._observe, self._ran, self._ran_at_once = engine, observe, ran, ran_at_once

    def run(self, batch: Sequence[Waiting], size: int) -> None:
        """Runs a batch and ends its calls. `size` is the number of rows to run, if it has several calls.

        A call that cannot run with others is run alone, after the others, so that they need not wait for it.
        """
        alone: list[Waiting] = []
        self._run_part(batch, size, alone)
        for waiting in alone:
            self._run_alone(waiting)

    def try_run(self, calls: Sequence[EngineCall], rows: Sequence[int], size: int) -> list[Results] | None:
        """Runs a short batch on an event loop. Returns None if it had to wait, or if it cannot run as one."""
        results: Results | None
        begun = time.perf_counter()
        try:
            results = self._engine.run_joined(calls[0].signature, join(calls, size), calls[0].outputs, wait=False)
        except Exception:
            return None
        seconds = time.perf_counter() - begun
        parts = None if results is None else split(results, rows, size)
        if parts is not None:
            for call in calls:
                call.seconds = seconds
            if self._ran_at_once is not None:
                self._ran_at_once(seconds, sum([call.calls for call in calls]), sum(rows))
        return parts

    def _run_part(self, batch: Sequence[Waiting], size: int, alone: list[Waiting]) -> None:
        """Runs a part of a batch, or smaller parts if that fails. Adds the calls that cannot run with others."""
        if len(batch) == 1:
            alone.append(batch[0])
            return
        parts = self._joined(batch, size)
        if parts is None:
            half = len(batch) // 2
            for some in (batch[:half], batch[half:]):
                self._run_part(some, sum(one.rows.number for one in some), alone)
            return
        for waiting, part in zip(batch, parts, strict=True):
            waiting.end(part)

    def _joined(self, batch: Sequence[Waiting], size: int) -> list[Results] | None:
        """Returns each call's results, and notes in the calls how long that took. None: they cannot be joined."""
        calls, rows = [one.call for one in batch], [one.rows.number for one in batch]
        begun = time.perf_counter()
        try:
            results = self._engine.run_joined(calls[0].signature, join(calls, size), calls[0].outputs)
        except Exception:  # each call gets the error that is its own
            return None
        seconds = time.perf_counter() - begun
        parts = None if results is None else split(results, rows, size)
        if parts is not None:
            for call in calls:
                call.seconds, call.joined = seconds, len(calls)
            self._count(seconds, len(calls), sum(rows))
        return parts

    def _count(self, seconds: float, calls: int, rows: int) -> None:
        self._observe(calls, rows)
        if self._ran is not None:
            self._ran(seconds * 1_000_000)

    def _run_alone(self, waiting: Waiting) -> None:
        call, result = waiting.call, run_alone(self._engine, waiting.call, self._ran)
        call.joined = 1
        waiting.end(result)


def run_alone(engine: Engine, call: EngineCall, ran: Ran | None = None) -> Results | BaseException:
    """Runs one call and returns its results or its error. Notes how long it took."""
    begun = time.perf_counter()
    outcome: Results | BaseException
    try:
        outcome = engine.run(call.signature, call.inputs, call.outputs)
    except BaseException as error:
        outcome = error
    call.seconds = seconds = time.perf_counter() - begun
    if ran is not None and not isinstance(outcome, BaseException):
        ran(seconds * 1_000_000)
    return outcome
