"""Latencies are counted with three exact digits."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from lightship.bench.histogram import MAX_NANOSECONDS, Histogram


def test_percentiles_are_exact_to_a_thousandth() -> None:
    values = np.random.default_rng(1).lognormal(13, 2, 20_000).astype(np.int64)
    histogram = Histogram()
    histogram.record(values[:5000].tolist())
    histogram.record(values[5000:].tolist())
    for percent in (0, 50, 90, 99, 99.9, 100):
        exact = np.sort(values)[max(0, math.ceil(round(percent * len(values) / 100, 6)) - 1)] / 1e9
        assert histogram.percentile(percent) == pytest.approx(exact, rel=1 / 1000)
    assert len(histogram) == len(values)
    assert histogram.mean == pytest.approx(values.mean() / 1e9)
    assert histogram.percentile(100) == values.max() / 1e9


@pytest.mark.parametrize("value", [0, 1, 2047, 2048, 2049, 4095, 4096, 10**6, 10**9, 10**12, MAX_NANOSECONDS])
def test_every_size_is_counted_near_its_value(value: int) -> None:
    histogram = Histogram()
    histogram.record([value, MAX_NANOSECONDS])
    assert value <= round(histogram.percentile(50) * 1e9) <= value * (1 + 1 / 1000)


def test_what_is_longer_than_all_counts_as_the_longest() -> None:
    histogram = Histogram()
    histogram.record([MAX_NANOSECONDS * 4])
    assert histogram.percentile(99) == MAX_NANOSECONDS / 1e9


def test_nothing_has_no_percentile() -> None:
    assert math.isnan(Histogram().percentile(50))
    assert math.isnan(Histogram().mean)


def test_histograms_are_added_and_sent_as_json() -> None:
    one, other = Histogram(), Histogram()
    one.record([1000, 5000])
    other.record([3000])
    one.add(Histogram.from_fields(json.loads(json.dumps(other.to_fields()))))
    assert (len(one), one.largest, one.total) == (3, 5000, 9000)
    assert one.percentile(50) == pytest.approx(3e-6, rel=1e-3)
