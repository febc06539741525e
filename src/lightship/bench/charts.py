"""The charts of what was measured, as data that both the page and the image draw."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lightship.bench.measured import Measured, Row, Target

_CURVE = (0.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99)
_FEWEST_BEYOND = 2  # requests that a percentile of the curve must leave out


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart. `values` that are NaN leave a gap. `strong`: its colour is the accent's."""

    name: str
    values: Sequence[float]
    strong: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over columns at equal distances."""

    title: str
    columns: Sequence[str]
    below: str
    """What the columns are."""

    lines: Sequence[Line]


def charts_of(measured: Measured) -> list[Chart]:
    """Returns the charts: answers a second and latencies by load, and latencies by percentile of the heaviest load."""
    found = []
    for mode, below in (("closed", "connections"), ("open", "requests a second")):
        rows = [row for row in measured.rows if (row.counts.plan.rate is None) == (mode == "closed")]
        loads = list(dict.fromkeys(row.load for row in rows))
        if len(loads) > 1:
            found += _by_load(measured.targets, rows, loads, below)
    last = {row.target.role: row for row in measured.rows if len(row.counts.latencies)}
    if last:
        found.append(_by_percentile(list(last.values())))
    return found


def _by_load(targets: Sequence[Target], rows: Sequence[Row], loads: Sequence[str], below: str) -> list[Chart]:
    by = {(row.target.role, row.load): row for row in rows}

    def line(name: str, role: str, value: Callable[[Row], float], strong: bool) -> Line:
        values = [value(by[role, load]) if (role, load) in by else math.nan for load in loads]
        return Line(name, values, strong)

    if len(targets) == 1:
        role = targets[0].role
        rates = [line("answers a second", role, _rate, True)]
        latencies = [line("p50", role, _p50, False), line("p99", role, _p99, True)]
    else:
        rates = [line(one.role, one.role, _rate, one.role != "A") for one in targets]
        latencies = [line(f"p99 of {one.role}", one.role, _p99, one.role != "A") for one in targets]
    return [
        Chart("Answers a second", loads, below, rates),
        Chart("Latency, ms", loads, below, latencies),
    ]


def _by_percentile(rows: Sequence[Row]) -> Chart:
    fewest = min(len(row.counts.latencies) for row in rows)
    curve = [one for one in _CURVE if one <= 90 or fewest * (1 - one / 100) >= _FEWEST_BEYOND]
    lines = [
        Line(
            f"{row.target.role}, {row.load}{' connections' if row.counts.plan.rate is None else ''}",
            [row.counts.latencies.percentile(one) * 1e3 for one in curve],
            len(rows) == 1 or row.target.role != "A",
        )
        for row in rows
    ]
    return Chart("Latency by percentile, ms", [f"{one:g}" for one in curve], "percent of the requests", lines)


def _rate(row: Row) -> float:
    return row.counts.rate


def _p50(row: Row) -> float:
    return row.counts.latencies.percentile(50) * 1e3


def _p99(row: Row) -> float:
    return row.counts.latencies.percentile(99) * 1e3
