"""The scheduler that joins nothing: every call runs by itself, on the thread that makes it."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from lightship.batching.base import LATE, Done, EngineCall, Outcome, Ran, RanAtOnce, Results
from lightship.batching.joint_runs import run_alone
from lightship.batching.preparing import Preparing
from lightship.engines.base import Engine
from lightship.errors import DeadlineExceeded, LightshipError


class Direct:
    """Runs every call at once. Only the engine makes calls wait for each other, and for what it compiles first.

    `ran` is told of each run on a thread, and `ran_at_once` of each one on the event loop.
    """

    __slots__ = ("_engine", "_preparing", "_ran", "_ran_at_once")

    room = sys.maxsize
    refuses = False

    def __init__(self, engine: Engine, ran: Ran | None = None, ran_at_once: RanAtOnce | None = None) -> None:
        self._engine, self._ran, self._ran_at_once = engine, ran, ran_at_once
        self._preparing: dict[str, Preparing] = {}  # by the signature

    def prepares(self, call: EngineCall) -> bool:
        return not self._engine.ready(call.signature, call.inputs)

    def run(self, call: EngineCall) -> Results:
        outcome = run_alone(self._engine, call, self._ran)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def submit(self, call: EngineCall, done: Done) -> None:
        if self.prepares(call):
            self._preparing_of(call.signature).submit(call, done)
        else:
            self._run(call, done)

    def withdraw(self, call: EngineCall) -> bool:
        preparing = self._preparing.get(call.signature)
        return preparing is not None and preparing.withdraw(call)

    def late_error(self, call: EngineCall) -> LightshipError:
        return DeadlineExceeded(LATE)

    def try_run(self, calls: Sequence[EngineCall]) -> list[Outcome]:
        return [try_alone(self._engine, call, self._ran_at_once) for call in calls]

    def joins(self, signature: str, calls: int) -> bool:
        return False

    def close(self) -> None:
        for preparing in self._preparing.values():
            preparing.close()

    def _run(self, call: EngineCall, done: Done) -> None:
        done(run_alone(self._engine, call, self._ran))

    def _preparing_of(self, signature: str) -> Preparing:
        """Returns that of a signature, which exists: the engine has to compile it."""
        found = self._preparing.get(signature)
        if found is None:
            made = Preparing(self._run, lambda call: not self.prepares(call), f"prepare-{signature}")
            found = self._preparing.setdefault(signature, made)
        return found


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
