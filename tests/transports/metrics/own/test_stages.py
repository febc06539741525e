from __future__ import annotations

import threading
from time import perf_counter, sleep

import numpy as np
import pytest

from lightship.transports.metrics.own.stages import LIMITS, STAGES, StageClock, StageCounts, StageTimes

STAGES_OF_ONE = np.array([[0.001, 0.002, 0.003, 0.004]])


class Engine:
    """A wait for a run of a model that took so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


def test_stages_add_up_to_the_whole_time() -> None:
    begun = perf_counter()
    clock = StageClock(decode=1.0, wait=2.0)
    clock.begin()
    clock.pause(Engine(0.001))
    sleep(0.01)
    clock.begin()
    wait, decode, run, encode = clock.end()
    assert 3.01 <= wait + decode + run + encode <= 3.0 + perf_counter() - begun
    assert run == 0.001
    assert wait > 2.008
    assert decode >= 1.0


def test_a_run_takes_no_longer_than_the_wait_for_it() -> None:
    clock = StageClock()
    clock.begin()
    clock.pause(Engine(60.0))
    clock.begin()
    wait, _, run, _ = clock.end()
    assert run < 30
    assert wait < 30


def test_a_request_without_a_run_is_decoding_alone() -> None:
    clock = StageClock()
    clock.begin()
    _, decode, run, encode = clock.end()
    assert decode > 0
    assert run == encode == 0.0


def test_a_request_that_goes_to_another_kind_of_thread_waits_for_it() -> None:
    clock = StageClock()
    clock.begin()
    clock.move()
    sleep(0.01)
    clock.begin()
    wait, *_ = clock.end()
    assert wait > 0.009


def test_a_value_that_is_a_limit_is_counted_below_it() -> None:
    times = StageTimes()
    times.add(np.array([[LIMITS[0], LIMITS[1], LIMITS[1] * 1.001, 1e9]]))
    counts = times.read()
    places = [buckets.index(1) for buckets in counts.stage_buckets]
    assert places == [0, 1, 2, len(LIMITS)]
    assert counts.buckets.index(1) == len(LIMITS)
    assert counts.seconds == sum(counts.stage_seconds)


def test_nothing_is_lost_when_many_threads_count() -> None:
    times, threads, each = StageTimes(), 8, 3000

    def count() -> None:
        for _ in range(each):
            times.add(STAGES_OF_ONE)
            times.add(STAGES_OF_ONE.repeat(3, axis=0))

    running = [threading.Thread(target=count) for _ in range(threads)]
    for thread in running:
        thread.start()
    while any(thread.is_alive() for thread in running):
        times.read()
    counts = times.read()
    assert sum(counts.buckets) == threads * each * 4
    assert [sum(buckets) for buckets in counts.stage_buckets] == [threads * each * 4] * len(STAGES)
    assert counts.seconds == pytest.approx(threads * each * 4 * 0.01)


def test_counts_are_added() -> None:
    one, other, both = StageTimes(), StageTimes(), StageTimes()
    for times in (one, both):
        times.add(np.array([[0.5, 0.25, 1.0, 2.0]]))
    for times in (other, both):
        times.add(np.array([[0.0, 0.125, 4.0, 0.5]]))
    assert StageCounts.plus(one.read(), other.read()) == both.read()
