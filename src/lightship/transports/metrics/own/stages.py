"""The stages of requests: how long they took, measured and counted."""

from __future__ import annotations

import threading
from time import perf_counter
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

STAGES = ("wait", "decode", "run", "encode")
# Seconds. The last bucket has no limit.
LIMITS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0),
)
_SORTED = np.array(LIMITS)

# The seconds of waiting, decoding, running and encoding.
Stages = tuple[float, float, float, float]


class Timed(Protocol):
    """A wait for the engine that knows, when it is over, for how many seconds of it the model ran."""

    @property
    def seconds(self) -> float: ...


class StageClock:
    """Measures a request that threads answer, in parts between which it waits.

    What is done before the first run of the model, or between two, is decoding. What follows the last run is encoding.
    A request without a run is decoding alone.
    """

    __slots__ = ("_decode", "_engine", "_mark", "_run", "_wait")

    def __init__(self, decode: float = 0.0, wait: float = 0.0) -> None:
        """decode, wait: the seconds until now. From now on, it waits for a thread."""
        self._wait, self._decode, self._run = wait, decode, 0.0
        self._engine: Timed | None = None
        self._mark = perf_counter()

    def begin(self) -> None:
        """A thread begins with a part of the work."""
        now = perf_counter()
        waited, engine = now - self._mark, self._engine
        ran = 0.0 if engine is None else min(engine.seconds, waited)
        self._run += ran
        self._wait += waited - ran
        self._mark = now

    def pause(self, engine: Timed) -> None:
        """The part has ended, and the request waits for the engine."""
        now = perf_counter()
        self._decode += now - self._mark
        self._mark, self._engine = now, engine

    def move(self) -> None:
        """The part has ended, and the request waits for a thread again."""
        now = perf_counter()
        self._decode += now - self._mark
        self._mark = now

    def end(self) -> Stages:
        """The last part has ended."""
        last = perf_counter() - self._mark
        if self._engine is None:
            return self._wait, self._decode + last, 0.0, 0.0
        return self._wait, self._decode, self._run, last


class StageCounts(NamedTuple):
    """What was counted of some requests."""

    # The number of requests by their whole duration.
    buckets: list[int]
    seconds: float
    # The same for each stage, in the order of `STAGES`.
    stage_buckets: list[list[int]]
    stage_seconds: list[float]

    def plus(self, other: StageCounts) -> StageCounts:
        return StageCounts(
            _sum(self.buckets, other.buckets),
            self.seconds + other.seconds,
            [_sum(*both) for both in zip(self.stage_buckets, other.stage_buckets, strict=True)],
            [one + another for one, another in zip(self.stage_seconds, other.stage_seconds, strict=True)],
        )


class StageTimes:
    """Counts the stages of requests. Any thread may call its methods."""

    __slots__ = ("_counts", "_lock", "_sums")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # A row for the whole duration, and one for each stage.
        self._counts = np.zeros((1 + len(STAGES), len(LIMITS) + 1), np.int64)
        self._sums = np.zeros(1 + len(STAGES))

    def add(self, stages: NDArray[np.float64]) -> None:
        """Counts requests. stages: [N, 4], the seconds of each stage."""
        rows = np.empty((1 + len(STAGES), len(stages)))
        stages.sum(axis=1, out=rows[0])
        rows[1:] = stages.T
        places = _SORTED.searchsorted(rows)  # a value that is a limit belongs below it
        sums = rows.sum(axis=1)
        with self._lock:
            for row, found in enumerate(places):
                self._counts[row] += np.bincount(found, minlength=len(LIMITS) + 1)
            self._sums += sums

    def read(self) -> StageCounts:
        with self._lock:
            (buckets, *stage_buckets), (seconds, *stage_seconds) = self._counts.tolist(), self._sums.tolist()
        return StageCounts(buckets, seconds, stage_buckets, stage_seconds)


def _sum(one: list[int], other: list[int]) -> list[int]:
    return [first + second for first, second in zip(one, other, strict=True)]
