"""An engine for the tests of schedulers: doubles its input, and says which runs it made."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lightship.batching import EngineCall, Joined
from lightship.bundle.bundle import open_bundle
from lightship.engines.base import Engine, Joining
from lightship.errors import InvalidArgument

SIGNATURE = "serving_default"
VERSION = "123"
# Joint runs cost hardly more than single ones, and all are short.
CHEAP = {1: 1e-4, 2: 1.01e-4, 4: 1.02e-4, 8: 1.03e-4, 16: 1.04e-4}
# The same, too long for an event loop.
LONG = {rows: 100 * seconds for rows, seconds in CHEAP.items()}


class FakeEngine:
    """`runs` has the rows of each run in their order. A row of 13 fails, a row of 99 belongs to another engine.

    Runs wait for `go_on`, if it is cleared, after they have released `begun`.
    """

    def __init__(self, costs: Mapping[int, float] | None = CHEAP, streams: int = 1) -> None:
        self.costs, self.streams = costs, streams
        self.runs: list[list[float]] = []
        self.short = True
        self.ready = lambda signature, inputs: True
        self.begun, self.go_on = threading.Semaphore(0), threading.Event()
        self.go_on.set()

    def joining(self, signature: str) -> Joining | None:
        return None if self.costs is None else Joining(self.costs, self.streams)

    def run(self, signature: str, inputs: Any, outputs: Any = None) -> dict[str, Any]:
        return self._run(inputs, outputs)

    def run_joined(
        self, signature: str, inputs: Any, outputs: Any = None, *, wait: bool = True
    ) -> dict[str, Any] | None:
        return None if 99.0 in inputs["x"] else self._run(inputs, outputs)

    def try_run(self, signature: str, inputs: Any, outputs: Any = None) -> dict[str, Any] | None:
        return self._run(inputs, outputs) if self.short and 99.0 not in inputs["x"] else None

    def _run(self, inputs: Any, outputs: Any) -> dict[str, Any]:
        x = inputs["x"]
        self.runs.append(np.asarray(x, float).reshape(-1).tolist())
        self.begun.release()
        assert self.go_on.wait(60)
        if 13.0 in x:
            raise InvalidArgument("13 is not a number that this model likes")
        results = {"y": np.where(x == 99, -1, 2 * x), "more": x + 1}
        return {name: results[name] for name in outputs or results}


def joined(engine: FakeEngine, half_plus_two: Path, observed: list[tuple[int, int]] | None = None) -> Joined:
    """A scheduler of a model with a float input x of one column. The event loop may run all batches of `CHEAP`."""
    seen: list[tuple[int, int]] = [] if observed is None else observed
    bundle = open_bundle(half_plus_two / VERSION, "m", 1)
    real: Engine = engine  # type: ignore[assignment]

    def ran_at_once(seconds: float, calls: int, rows: int) -> None:
        if calls > 1:
            seen.append((calls, rows))

    scheduler = Joined(bundle, real, lambda calls, rows: seen.append((calls, rows)), None, ran_at_once)
    for size in CHEAP:
        scheduler._queues[SIGNATURE]._priming.note(size, 0.0)
    return scheduler


def call(*values: float, outputs: list[str] | None = None, dtype: Any = np.float32, **more: Any) -> EngineCall:
    """A call with one row for each value. It may stand for several: `calls`."""
    return EngineCall(SIGNATURE, {"x": np.array(values, dtype).reshape(-1, 1)}, outputs, **more)
