"""Load in this process: callers that each make the next call when the one before was answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.batching import EngineCall, Scheduler
from lightship.engines.base import Arrays
from lightship.errors import ResourceExhausted
from lightship.threads import start_thread

_START_SECONDS = 60.0
_PROBES = 3


@dataclass(frozen=True, slots=True)
class Turn:
    """What a number of callers got in a short time."""

    # Answered calls a second.
    rate: float
    # The seconds within which 50, 95 and 99 of 100 calls were answered.
    p50: float
    p95: float
    p99: float
    # The calls that this was measured on.
    calls: int

    def percentile(self, number: int) -> float:
        """Returns the seconds of a percentile: 50, 95 or 99."""
        return {50: self.p50, 95: self.p95, 99: self.p99}[number]


class Load:
    """Calls of one signature. `payloads` holds the inputs of a call each; callers take them in turn."""

    def __init__(self, signature: str, payloads: Sequence[Arrays]) -> None:
        self._signature, self._payloads = signature, payloads

    def turn(self, scheduler: Scheduler, callers: int, seconds: float) -> Turn:
        """Makes calls for so many seconds, and at least one by each caller. Raises the first error of a call.

        Calls that are short enough for a server's event loop are made as it does: those that came together by one
        thread. All others are made by a thread for each caller.
        """
        if self._is_short(scheduler):
            return self._on_one_thread(scheduler, callers, seconds)
        return self._on_threads(scheduler, callers, seconds)

    def _call(self, index: int) -> EngineCall:
        return EngineCall(self._signature, self._payloads[index % len(self._payloads)])

    def _is_short(self, scheduler: Scheduler) -> bool:
        """Returns whether the engine takes a call for short. After one that was held up, it needs another to tell."""
        for number in range(_PROBES):
            if isinstance(scheduler.try_run([self._call(number)])[0], dict):
                return True
            scheduler.run(self._call(number))
        return False

    def _on_one_thread(self, scheduler: Scheduler, callers: int, seconds: float) -> Turn:
        times: list[float] = []
        begun = now = time.perf_counter()
        rounds = cycle(range(len(self._payloads)))
        while now < begun + seconds or not times:
            first = next(rounds)
            calls = [self._call(first + number) for number in range(callers)]
            for call, outcome in zip(calls, scheduler.try_run(calls), strict=True):
                if outcome is None:
                    scheduler.run(call)
                elif isinstance(outcome, BaseException):
                    raise outcome
            last, now = now, time.perf_counter()
            times += [now - last] * callers
        return _turn(times, now - begun)

    def _on_threads(self, scheduler: Scheduler, callers: int, seconds: float) -> Turn:
        work = _Callers(self, scheduler, callers, seconds)
        return work.turn()


class _Callers:
    def __init__(self, load: Load, scheduler: Scheduler, callers: int, seconds: float) -> None:
        self._load, self._scheduler, self._number, self._seconds = load, scheduler, callers, seconds
        self._ready = threading.Barrier(callers + 1, timeout=_START_SECONDS)
        self._stopped, self._ended = threading.Event(), threading.Semaphore(0)
        self._times: list[list[float]] = [[] for _ in range(callers)]
        self._errors: list[BaseException] = []

    def turn(self) -> Turn:
        started = 0
        try:
            for index in range(self._number):
                if not start_thread(self._work, index, name=f"tune-caller-{index}"):
                    raise ResourceExhausted(f"the system allows no {self._number} threads: give fewer --callers")
                started += 1
            self._ready.wait()
            begun = time.perf_counter()
            self._stopped.wait(self._seconds)
        finally:  # also after Ctrl-C: the engine must not be closed while calls run
            self._stopped.set()
            if started < self._number:
                self._ready.abort()
            for _ in range(started):
                self._ended.acquire()
        if self._errors:
            raise self._errors[0]
        return _turn([one for times in self._times for one in times], time.perf_counter() - begun)

    def _work(self, index: int) -> None:
        times, number = self._times[index], index
        try:
            self._ready.wait()
            while not (times and self._stopped.is_set()):
                start = time.perf_counter()
                self._scheduler.run(self._load._call(number))
                times.append(time.perf_counter() - start)
                number += self._number
        except threading.BrokenBarrierError:
            pass
        except BaseException as error:
            self._errors.append(error)
            self._stopped.set()
        finally:
            self._ended.release()


def _turn(times: Sequence[float], seconds: float) -> Turn:
    p50, p95, p99 = (float(one) for one in np.percentile(np.asarray(times), (50, 95, 99)))
    return Turn(len(times) / seconds, p50, p95, p99, len(times))


def rows_of(inputs: Arrays, most: int) -> list[dict[str, NDArray[Any]]]:
    """Returns calls of one row each, made of the rows of these inputs; the inputs as they are without common rows."""
    sizes = {array.shape[0] if array.ndim else 0 for array in inputs.values()}
    if len(sizes) != 1 or 0 in sizes:
        return [dict(inputs)]
    number = min(most, sizes.pop())
    return [
        {name: np.ascontiguousarray(array[row : row + 1]) for name, array in inputs.items()} for row in range(number)
    ]
