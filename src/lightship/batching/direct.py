"""The scheduler that joins nothing: every call runs by itself, on the thread that makes it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from lightship.batching.base import LATE, Done, EngineCall, Outcome, Results
from lightship.batching.joint_runs import run_alone
from lightship.engines.base import Engine
from lightship.errors import DeadlineExceeded, LightshipError


class Direct:
    """Runs every call at once. Only the engine makes calls wait for each other."""

    __slots__ = ("_engine",)

    room = sys.maxsize
    refuses = False

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def run(self, call: EngineCall) -> Results:
        return self._engine.run(call.signature, call.inputs, call.outputs)

    def submit(self, call: EngineCall, done: Done) -> None:
        done(run_alone(self._engine, call))

    def withdraw(self, call: EngineCall) -> bool:
        return False

    def late_error(self, call: EngineCall) -> LightshipError:
        return DeadlineExceeded(LATE)

    def try_run(self, calls: Sequence[EngineCall]) -> list[Outcome]:
        return [try_alone(self._engine, call) for call in calls]

    def joins(self, signature: str, calls: int) -> bool:
        return False

    def close(self) -> None: ...


def try_alone(engine: Engine, call: EngineCall) -> Outcome:
    """Runs one call by itself if it is known to be short."""
    if call.calls > 1:  # it stands for several
        return None
    try:
        return engine.try_run(call.signature, call.inputs, call.outputs)
    except Exception as error:
        return error
