"""The load of a tuning: callers that each wait for their answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest

from lightship.batching import EngineCall, Outcome, Results, Scheduler
from lightship.errors import InvalidArgument
from lightship.tuning.load import Load, rows_of

PAYLOADS = [{"x": np.array([number], np.float32)} for number in range(4)]


class FakeScheduler:
    """Answers on threads or, if `short`, on the event loop, and remembers how many calls were there at once.

    error: is raised in the threads of callers.
    """

    def __init__(self, *, short: bool = False, error: Exception | None = None) -> None:
        self._short, self._error = short, error
        self._lock, self._inside = threading.Lock(), 0
        self.most, self.payloads, self.together = 0, set[float](), set[int]()
        self.threads = set[threading.Thread]()

    def run(self, call: EngineCall) -> Results:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
            self.payloads.add(float(call.inputs["x"][0]))
            self.threads.add(threading.current_thread())
        threading.Event().wait(0.002)
        with self._lock:
            self._inside -= 1
        if self._error is not None and threading.current_thread() is not threading.main_thread():
            raise self._error
        return {}

    def try_run(self, calls: Sequence[EngineCall]) -> list[Outcome]:
        self.together.add(len(calls))
        return [{} if self._short else None for _ in calls]


def turn(scheduler: FakeScheduler, callers: int, seconds: float = 0.3) -> Any:
    return Load("serving_default", PAYLOADS).turn(cast(Scheduler, scheduler), callers, seconds)


def test_so_many_callers_call_at_once_and_take_turns_with_the_payloads() -> None:
    scheduler = FakeScheduler()
    found, end = turn(scheduler, 3), time.monotonic() + 60
    while scheduler.most < 3 or len(scheduler.payloads) < 4:  # where the machine had no time for a second call
        assert time.monotonic() < end, "in vain"
        found = turn(scheduler, 3)
    assert scheduler.most == 3
    assert scheduler.payloads == {0, 1, 2, 3}
    assert found.calls >= 3
    assert 0 < found.p50 <= found.p95 <= found.p99
    assert found.rate > 0


def test_each_caller_makes_a_call_however_short_the_turn() -> None:
    assert turn(FakeScheduler(), 5, 0.0).calls >= 5


def test_short_calls_come_together_on_one_thread() -> None:
    scheduler = FakeScheduler(short=True)
    found = turn(scheduler, 8, 0.05)
    assert scheduler.together == {1, 8}  # one to see whether calls are short
    assert scheduler.most == 0
    assert found.calls % 8 == 0


def test_the_error_of_a_call_ends_the_turn_and_no_caller_stays() -> None:
    scheduler = FakeScheduler(error=InvalidArgument("no such input"))
    with pytest.raises(InvalidArgument, match="no such input"):
        turn(scheduler, 4, 60)
    callers = scheduler.threads - {threading.current_thread()}
    assert len(callers) == 4
    for thread in callers:
        thread.join(60)
    assert not any(thread.is_alive() for thread in callers)


def test_rows_become_calls_of_one_row() -> None:
    parts = rows_of({"x": np.arange(6).reshape(3, 2), "y": np.arange(3)}, 2)
    assert [part["x"].tolist() for part in parts] == [[[0, 1]], [[2, 3]]]
    assert parts[1]["y"].tolist() == [1]


def test_inputs_without_common_rows_are_one_call() -> None:
    for inputs in ({"x": np.zeros((3, 2)), "y": np.zeros(2)}, {"x": np.zeros(())}, {"x": np.zeros((0, 2))}):
        assert rows_of(inputs, 4) == [inputs]
