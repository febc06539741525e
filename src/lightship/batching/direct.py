"""The scheduler that joins nothing: every call runs by itself, on the thread that makes it."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from lightship.batching.base import LATE, Done, EngineCall, Outcome, Ran, RanAtOnce, Results
from lightship.batching.joint_runs import run_alone
from lightship.engines.base import Engine
from lightship.errors import DeadlineExceeded, LightshipError


class Direct:
    """Runs every call at once. Only the engine makes calls wait for each other.

    `ran` is told of each run on a thread, and `ran_at_once` of each one on the event loop.
    """

    __slots__ = ("_engine", "_ran", "_ran_at_once")

    room = sys.maxsize
    refuses = False

    def __init__(self, engine: Engine, ran: Ran | None = None, ran_at_once: RanAtOnce | None = None) -> None:
        self._engine, self._ran, self._ran_at_once = engine, ran, ran_at_once

    def prepares(self, call: EngineCall) -> bool:
        return False

    def run(self, call: EngineCall) -> Results:
        outcome = run_alone(self._engine, call, self._ran)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def submit(self, call: EngineCall, done: Done) -> None:
        done(run_alone(self._engine, call, self._ran))

    def withdraw(self, call: EngineCall) -> bool:
        return False

    def late_error(self, call: EngineCall) -> LightshipError:
        return DeadlineExceeded(LATE)

    def try_run(self, calls: Sequence[EngineCall]) -> list[Outcome]:
        return [try_alone(self._engine, call, self._ran_at_once) for call in calls]

    def joins(self, signature: str, calls: int) -> bool:
        return False

    def close(self) -> None: ...


def try_alone(engine: Engine, call: EngineCall, ran_at_once: RanAtOnce | None = None) -> Outcome:
    """Runs one call by itself if it is known to be short. Notes how long it took."""
    if call.calls > 1:  # it stands for several
        return None
    begun = time.perf_counter()
    try:
        results = engine.try_run(call.signature, call.inputs, call.outputs)
    except Exception as error:
        return error
    call.seconds = seconds = time.perf_counter() - begun
    if ran_at_once is not None and results is not None:
        ran_at_once(seconds, 1, 1)
    return results
