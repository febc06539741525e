"""What a server has to keep, such as "p99=50ms": latencies at percentiles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lightship.bench.fleet import RunCounts
from lightship.errors import InvalidArgument

MAX_FAILED_SHARE = 0.001  # of the requests: with more errors no objective is kept
_MIN_RATE_SHARE = 0.95  # of the rate that was asked for; with less the server is behind
_OBJECTIVE = re.compile(
    r"p(?P<percent>\d{1,2}(?:\.\d{1,4})?)\s*(?:=|<=|<)\s*(?P<limit>\d{1,9}(?:\.\d+)?)\s*(?P<unit>us|ms|s)"
)
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_FEWEST_BEYOND = 5  # requests that a percentile must leave out to mean something


@dataclass(frozen=True, slots=True)
class Objective:
    """So many percent of the requests take at most `limit` seconds."""

    percent: float
    limit: float

    def __str__(self) -> str:
        return f"p{self.percent:g}={self.limit * 1e3:g}ms"


def parse_objectives(text: str) -> tuple[Objective, ...]:
    """Parses "p99=50ms", or several separated by commas. Raises InvalidArgument."""
    return tuple(_parse(one.strip(), text) for one in text.split(","))


def _parse(text: str, whole: str) -> Objective:
    match = _OBJECTIVE.fullmatch(text.lower())
    if match is None or not float(match["percent"]) or not float(match["limit"]):
        shown = repr(text) if text == whole.strip() else f"{text!r} in {whole!r}"
        raise InvalidArgument(
            f"{shown} is not an objective: give a percentile and a time, such as p99=50ms or p99.9=0.2s"
        )
    return Objective(float(match["percent"]), float(match["limit"]) * _UNITS[match["unit"]])


def broken(objectives: Sequence[Objective], counts: RunCounts) -> str:
    """Returns which objective a run at a constant rate broke and by what; empty if it kept all."""
    began = len(counts.latencies) + counts.failed
    if not len(counts.latencies):
        return "no answers"
    if counts.failed > MAX_FAILED_SHARE * began:
        return ", ".join(f"{count} x {name}" for name, count in counts.errors.most_common(3))
    for one in objectives:
        found = counts.latencies.percentile(one.percent)
        if found > one.limit:
            return f"p{one.percent:g} is {found * 1e3:.3g} ms"
    wanted = counts.plan.rate
    if wanted is not None and counts.rate < _MIN_RATE_SHARE * wanted and counts.answered + 5 < wanted * counts.seconds:
        return f"only {counts.rate:.0f} answers a second"
    return ""


def too_few(objectives: Sequence[Objective], counts: RunCounts) -> bool:
    """Whether the run was too short for the highest percentile to mean something."""
    percent = max(one.percent for one in objectives)
    return len(counts.latencies) * (1 - percent / 100) < _FEWEST_BEYOND
