"""What was measured, as data: the rows of the table, of the JSON and of the CSV file."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lightship.bench.fleet import RunCounts
from lightship.bench.objectives import too_few
from lightship.bench.slo_search import SloSearch
from lightship.bench.usage import ServerUsage
from lightship.evaluation.page.values import significant

PERCENTILES = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9)
BUSY = 0.9  # share of a processor from which a process of load may be the limit
LATE_SECONDS = 0.005  # by which requests at a constant rate may be sent late


@dataclass(frozen=True, slots=True)
class Target:
    """A measured model. `role`: "A", or "B" for the one that it is compared with."""

    role: str
    name: str
    payload: str
    compared: bool
    """Whether wrong answers were noticed."""


@dataclass(frozen=True, slots=True)
class Row:
    """The runs of one target at one load, taken together."""

    target: Target
    counts: RunCounts
    rates: Sequence[float]
    """Answers a second of each run."""

    @property
    def load(self) -> str:
        """The load in words: connections, or requests a second."""
        rate = self.counts.plan.rate
        return f"{self.counts.plan.connections}" if rate is None else f"{significant(rate)}/s"


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure of B divided by that of A, of runs that followed one another."""

    name: str
    load: str
    values: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)


@dataclass(slots=True)
class Measured:
    """Everything that one `lightship bench` measured."""

    targets: list[Target] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    ratios: list[Ratio] = field(default_factory=list)
    searches: list[tuple[Target, SloSearch]] = field(default_factory=list)
    answers_differ: bool | None = None
    """Whether the two compared servers answered differently; None if that is not known."""

    stopped: bool = False
    """It was ended early, by Ctrl-C."""

    dead: str = ""
    """The server that stopped answering."""

    @property
    def answered(self) -> bool:
        return any(row.counts.answered for row in self.rows)

    def add(self, row: Row) -> None:
        self.rows.append(row)


def row_of(target: Target, runs: Sequence[RunCounts]) -> Row:
    """Takes runs of the same plan together."""
    return Row(target, _together(runs), [one.rate for one in runs])


def ratios_of(load: str, a: Sequence[RunCounts], b: Sequence[RunCounts]) -> list[Ratio]:
    """Returns B's figures divided by A's, turn by turn: answers a second, p50 and p99."""
    figures = {
        "answers a second": ([one.rate for one in a], [one.rate for one in b]),
        "p50": ([one.latencies.percentile(50) for one in a], [one.latencies.percentile(50) for one in b]),
        "p99": ([one.latencies.percentile(99) for one in a], [one.latencies.percentile(99) for one in b]),
    }
    found = {
        name: [theirs / ours for ours, theirs in zip(*pair, strict=False) if ours and math.isfinite(theirs / ours)]
        for name, pair in figures.items()
    }
    return [Ratio(name, load, values) for name, values in found.items() if values]


def row_fields(row: Row) -> dict[str, Any]:
    """Returns a row for JSON and CSV. Times are in milliseconds; what is not known is None."""
    counts, plan = row.counts, row.counts.plan
    latencies = {f"p{one:g}_ms": _milliseconds(counts.latencies.percentile(one)) for one in PERCENTILES}
    usage = counts.usage
    return {
        "target": row.target.role,
        "url": row.target.name,
        "mode": "closed" if plan.rate is None else "open",
        "connections": plan.connections,
        "rate": plan.rate,
        "seconds": round(counts.seconds, 3),
        "answered": counts.answered,
        "answers_per_second": round(counts.rate, 3),
        "lowest_per_second": round(min(row.rates, default=0.0), 3),
        "highest_per_second": round(max(row.rates, default=0.0), 3),
        "mean_ms": _milliseconds(counts.latencies.mean),
        **latencies,
        "max_ms": _milliseconds(counts.latencies.largest / 1e9 if len(counts.latencies) else math.nan),
        "failed": counts.failed,
        "errors": dict(counts.errors),
        "server_processors": None if usage is None else round(usage.processors, 3),
        "server_cpu_ms_per_answer": cpu_per_answer(counts),
        "server_memory_bytes": None if usage is None else usage.memory,
        "load_busy": round(counts.busy, 3),
        "stopped": counts.stopped,
    }


def cpu_per_answer(counts: RunCounts) -> float | None:
    """Returns the server's processor time for each good answer, in milliseconds; None if it is not known."""
    usage = counts.usage
    if usage is None or not counts.rate:
        return None
    return round(usage.processors / counts.rate * 1e3, 4)


def measured_fields(measured: Measured) -> dict[str, Any]:
    """Returns everything for JSON."""
    return {
        "targets": [
            {"target": one.role, "url": one.name, "payload": one.payload, "answers_checked": one.compared}
            for one in measured.targets
        ],
        "rows": [row_fields(row) for row in measured.rows],
        "ratios": [
            {
                "figure": one.name,
                "load": one.load,
                "median": round(one.median, 4),
                "lowest": round(min(one.values), 4),
                "highest": round(max(one.values), 4),
                "rounds": len(one.values),
            }
            for one in measured.ratios
        ],
        "slo": [_search_fields(target, search) for target, search in measured.searches],
        "answers_differ": measured.answers_differ,
        "warnings": warnings_of(measured),
        "stopped": measured.stopped,
    }


def warnings_of(measured: Measured) -> list[str]:
    """Returns what makes figures doubtful, in sentences."""
    found = []
    if any(row.counts.busy > BUSY for row in measured.rows):
        found.append(
            "a process that sends requests used a whole processor, so it may have been the limit: "
            "give more with --processes"
        )
    if any(len(row.counts.lateness) and row.counts.lateness.percentile(99) > LATE_SECONDS for row in measured.rows):
        found.append(
            "requests at a constant rate were sent late, because this host is too busy: the latencies include that"
        )
    if any(not one.compared for one in measured.targets):
        found.append("the answers differ from request to request, so wrong ones could not be noticed")
    if any(search.found is not None and too_few(search.objectives, search.found) for _, search in measured.searches):
        found.append("the runs had too few requests for the percentile of --slo: give more --seconds")
    if measured.answers_differ:
        found.append("A and B answer the same requests differently")
    return found


def _search_fields(target: Target, search: SloSearch) -> dict[str, Any]:
    found = search.found
    return {
        "target": target.role,
        "objectives": [str(one) for one in search.objectives],
        "rate": None if found is None else found.plan.rate,
        "tries": [{"rate": counts.plan.rate, "broken": why} for counts, why in search.tries],
    }


def _together(runs: Sequence[RunCounts]) -> RunCounts:
    if len(runs) == 1:
        return runs[0]
    whole = RunCounts(runs[0].plan, errors=Counter())
    for one in runs:
        whole.seconds += one.seconds
        whole.answered += one.answered
        whole.latencies.add(one.latencies)
        whole.lateness.add(one.lateness)
        whole.errors.update(one.errors)
        whole.busy = max(whole.busy, one.busy)
        whole.stopped = whole.stopped or one.stopped
        whole.dead = whole.dead or one.dead
    usages = [one.usage for one in runs if one.usage is not None]
    if usages:
        whole.usage = ServerUsage(
            max(one.processes for one in usages),
            sum(one.processor_seconds for one in usages),
            sum(one.seconds for one in usages),
            max(one.memory for one in usages),
        )
    return whole


def _milliseconds(seconds: float) -> float | None:
    return round(seconds * 1e3, 4) if math.isfinite(seconds) else None
