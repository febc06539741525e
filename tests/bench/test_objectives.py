"""Objectives are read, and kept or broken."""

from __future__ import annotations

from collections import Counter

import pytest

from lightship.bench.fleet import RunCounts, RunPlan
from lightship.bench.objectives import Objective, broken, parse_objectives
from lightship.bench.slo_search import search
from lightship.errors import InvalidArgument


def run_at(rate: float, latency: float, errors: int = 0, share: float = 1.0) -> RunCounts:
    counts = RunCounts(
        RunPlan(8, 10.0, rate=rate), 10.0, round(10 * rate * share), errors=Counter({"HTTP 503": errors})
    )
    counts.latencies.record([round(latency * 1e9)] * max(1, round(10 * rate)))
    return counts


def test_percentiles_and_units_are_read() -> None:
    assert parse_objectives("p99=50ms") == (Objective(99, 0.05),)
    assert parse_objectives("p50<=500us, P99.9=1.5s") == (Objective(50, 500 * 1e-6), Objective(99.9, 1.5))
    assert str(Objective(99.9, 0.2)) == "p99.9=200ms"


@pytest.mark.parametrize(
    "text", ["", "p99", "p99=50", "p99=50mz", "99=50ms", "p99=0ms", "p0=5ms", "p99=5ms,", "p100=1s"]
)
def test_what_is_no_objective_is_shown_with_an_example(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"is not an objective: give a percentile and a time, such as p99=50ms"):
        parse_objectives(text)


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        (run_at(100, 0.04), ""),
        (run_at(100, 0.06), "p99 is 60 ms"),
        (run_at(100, 0.01, errors=50), "50 x HTTP 503"),
        (run_at(100, 0.01, share=0.8), "only 80 answers a second"),
        (RunCounts(RunPlan(1, 1.0, rate=5.0)), "no answers"),
    ],
)
def test_what_breaks_an_objective_is_said(counts: RunCounts, why: str) -> None:
    assert broken(parse_objectives("p99=50ms"), counts) == why


@pytest.mark.parametrize("limit", [37.0, 420.0, 5000.0])
def test_the_search_finds_the_highest_rate(limit: float) -> None:
    lines: list[str] = []
    found = search(
        parse_objectives("p99=50ms"), 400.0, lambda rate: run_at(rate, 0.01 if rate <= limit else 0.2), lines.append
    )
    assert found.found is not None
    assert limit / 1.06 <= (found.found.plan.rate or 0) <= limit
    assert len(lines) == len(found.tries) <= 15


def test_the_search_ends_without_a_rate() -> None:
    found = search(parse_objectives("p99=50ms"), 400.0, lambda rate: run_at(rate, 0.2), lambda line: None)
    assert found.found is None
    assert len(found.tries) < 10


def test_a_rate_that_is_kept_once_only_is_not_believed() -> None:
    seen: list[float] = []

    def lucky(rate: float) -> RunCounts:
        again = rate in seen
        seen.append(rate)
        return run_at(rate, 0.2 if again or rate > 300 else 0.01)

    found = search(parse_objectives("p99=50ms"), 400.0, lucky, lambda line: None)
    assert found.found is not None
    assert (found.found.plan.rate or 0) < max(rate for rate in seen if rate <= 300)
