"""What runs of several rows cost is measured within limits of time and memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from lightship.engines import timing
from lightship.engines.timing import (
    CannotMeasure,
    Comparison,
    Measurement,
    SideBySide,
    Stopwatch,
    costs_of_rows,
    notice_stops,
    time_ratio,
)


def _burn(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_two_ways_are_timed_in_turn_and_their_first_calls_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def seconds_of(call: Callable[[], object]) -> float:
        call()
        return (1.0 if calls[-1] == "one" else 2.0) * 1.02 ** len(calls)  # the machine gets slower with each call

    monkeypatch.setattr(timing, "seconds_of", seconds_of)
    ratio = time_ratio(lambda: calls.append("one"), lambda: calls.append("other"), least=5, most=9, seconds=0.0)
    assert ratio == pytest.approx(0.5 / 1.02)
    assert calls == ["one", "other"] * 6


def test_two_ways_are_timed_no_more_often_than_asked_for() -> None:
    calls: list[int] = []
    time_ratio(lambda: calls.append(1), lambda: calls.append(2), least=1, most=9, seconds=60.0)
    assert calls == [1, 2] * 10


def test_batches_are_measured_as_long_as_they_are_cheaper() -> None:
    costs = costs_of_rows(lambda rows: _burn(0.001), Stopwatch(1, 60, 600))
    assert list(costs) == [1, 2, 4, 8, 16, 32, 64]
    assert all(seconds >= 0.001 for seconds in costs.values())
    assert costs[64] / 64 < costs[1] / 2


def test_no_more_rows_than_asked_for_are_measured() -> None:
    assert list(costs_of_rows(lambda rows: _burn(0.001), Stopwatch(1, 60, 600), 1)) == [1]
    assert list(costs_of_rows(lambda rows: _burn(0.001), Stopwatch(1, 60, 600), 8)) == [1, 2, 4, 8]


def test_batches_that_save_nothing_are_not_measured_further() -> None:
    costs = costs_of_rows(lambda rows: _burn(0.001 * rows * rows), Stopwatch(1, 60, 600))
    assert list(costs) == [1, 2, 4]


def test_a_slow_model_takes_no_more_than_its_share_of_processor_time() -> None:
    start = time.process_time()
    costs = costs_of_rows(lambda rows: _burn(0.1), Stopwatch(1, 1.0, 600))
    assert 1 in costs
    assert time.process_time() - start < 2.0


def test_without_time_one_row_is_not_even_tried() -> None:
    assert costs_of_rows(lambda rows: pytest.fail("ran"), Stopwatch(1, -1.0)) == {}


def test_batches_end_before_they_take_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "MAX_BYTES", 64 << 20)
    held: list[bytearray] = []

    def run(rows: int) -> None:
        _burn(0.0001)
        if not held or len(held[-1]) < rows << 21:
            held.append(bytearray(b"1") * (rows << 21))

    assert max(costs_of_rows(run, Stopwatch(1, 60, 600))) in (8, 16)


def test_more_rows_than_the_model_accepts_are_left_out() -> None:
    def run(rows: int) -> None:
        if rows > 4:
            raise CannotMeasure("no memory")
        _burn(0.001)

    assert list(costs_of_rows(run, Stopwatch(1, 60, 600))) == [1, 2, 4]


def test_a_busy_machine_is_noticed_and_processor_time_counts_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = iter(range(1, 1 << 30))
    monkeypatch.setattr(timing, "_waited", lambda: next(waits))  # each run waits for a second
    stopwatch = Stopwatch(2, 60, 600)
    costs = costs_of_rows(lambda rows: _burn(0.004), stopwatch, 2)
    assert stopwatch.disturbed
    assert all(0.002 <= seconds < 0.004 for seconds in costs.values())  # of two threads


def test_a_quiet_machine_is_told_from_a_busy_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "_waited", lambda: 0.0)
    stopwatch = Stopwatch(2, 60, 600)
    assert all(seconds >= 0.004 for seconds in costs_of_rows(lambda rows: _burn(0.004), stopwatch, 2).values())
    assert not stopwatch.disturbed


@pytest.mark.parametrize("slower", [1, 3])
def test_ways_are_compared_at_the_same_speed_of_the_machine(slower: int) -> None:
    speed = 3.0

    def measurement(milliseconds: int) -> Measurement:
        return Measurement(lambda rows: _burn(0.001 * milliseconds / speed), Stopwatch(1, 60, 600), 2)

    usual, other = measurement(1), measurement(slower)
    usual.ascend()
    speed = 1.0  # from now on
    other.ascend()
    costs = Comparison(usual, other).costs
    assert list(costs) == [1, 2]
    # Measured one after the other, it would be 3. A machine that is busy changes the rest.
    assert all(0.4 < costs[rows] / usual.costs[rows] / slower < 2.4 for rows in costs)


def test_a_stopwatch_counts_what_it_measures_and_nothing_else() -> None:
    stopwatch = Stopwatch(1, 0.3, 600)
    _burn(0.4)
    stopwatch.measure(1, lambda rows: _burn(0.2))
    assert stopwatch.left() < 0.1
    measurement = Measurement(lambda rows: _burn(0.001), stopwatch)
    stopwatch.renew()
    assert stopwatch.left() == 0.3
    measurement.ascend()
    assert measurement.sizes == [1, 2, 4, 8, 16, 32, 64]
    assert measurement.again(128) is None  # not found worth measuring


def test_runs_side_by_side_are_made_by_one_thread_each() -> None:
    import threading

    together, seen = threading.Barrier(3), []

    def run(rows: int) -> None:
        together.wait(60)
        seen.append(rows)

    with SideBySide(run, 3) as runs:
        runs(2)
        runs(4)
    assert seen == [2, 2, 2, 4, 4, 4]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows stops no processes by signals")
def test_a_run_in_which_the_process_was_stopped_does_not_count() -> None:
    before = signal.getsignal(signal.SIGCONT)
    stopwatch, seconds = Stopwatch(1, 60, 600), [0.1, 0.2]

    def run(rows: int) -> None:
        _burn(0.01)
        if seconds:  # as if it had been stopped meanwhile
            time.sleep(seconds.pop())
            os.kill(os.getpid(), signal.SIGCONT)

    notice_stops()
    try:
        stopwatch.measure(1, run)
        assert stopwatch.disturbed
        assert stopwatch.costs[1] < 0.05
        while stopwatch.disturbed:
            stopwatch.measure(1, run)
    finally:
        signal.signal(signal.SIGCONT, before)
    assert stopwatch.costs[1] < 0.05


@pytest.mark.skipif(sys.platform == "win32", reason="Windows stops no processes by signals")
def test_system_calls_of_engines_go_on_after_a_stop() -> None:
    code = """
import ctypes
from lightship.engines.timing import notice_stops
notice_stops()
print("reads", flush=True)
buffer = ctypes.create_string_buffer(1)
print(ctypes.CDLL(None).read(0, buffer, 1))
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == "reads\n"
        time.sleep(0.2)
        one.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        one.send_signal(signal.SIGCONT)
        time.sleep(0.1)
        assert one.communicate("x", timeout=60)[0] == "1\n"
