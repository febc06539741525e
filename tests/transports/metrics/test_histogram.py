from __future__ import annotations

import threading

import numpy as np

from lightship.transports.metrics.histogram import Histogram

LIMITS = (1.0, 2.0, 4.0)


def test_a_value_is_counted_in_the_first_bucket_with_a_limit_above_it() -> None:
    histogram = Histogram(LIMITS)
    for value in (0.0, 1.0, 1.5, 4.0, 100.0):
        histogram.add(value)
    assert histogram.read() == ([1, 2, 0, 2], 106.5)
    assert histogram.count == 5


def test_values_are_counted_at_once_as_one_by_one() -> None:
    histogram = Histogram(LIMITS)
    histogram.add(1.0)
    histogram.add_all(np.array([1.0, 9.0, 0.5]))
    assert histogram.read() == ([1, 2, 0, 1], 11.5)


def test_what_was_read_is_not_counted_again() -> None:
    histogram = Histogram(LIMITS)
    histogram.add(1.0)
    assert histogram.read() == histogram.read() == ([0, 1, 0, 0], 1.0)
    histogram.add(1.0)
    assert histogram.count == 2


def test_a_histogram_keeps_no_more_values_than_it_counts_together() -> None:
    histogram = Histogram(LIMITS)
    for _ in range(10_000):
        histogram.add(3.0)
    assert len(histogram._pending) < 2000
    assert histogram.read() == ([0, 0, 10_000, 0], 30_000.0)


def test_no_value_is_lost_while_threads_add_and_read() -> None:
    histogram, reads = Histogram(LIMITS), list[int]()

    def add() -> None:
        for _ in range(20_000):
            histogram.add(1.5)
            histogram.add(0.5)
        histogram.add_all(np.array([5.0, 5.0, 5.0]))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        reads.append(histogram.count)
    for thread in threads:
        thread.join()
    assert reads == sorted(reads)
    assert histogram.read() == ([80_000, 80_000, 0, 12], 80_000 * 2 + 60.0)
