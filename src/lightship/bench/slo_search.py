"""Searches the highest constant rate at which a server keeps its objectives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lightship.bench.fleet import RunCounts
from lightship.bench.objectives import Objective, broken
from lightship.evaluation.page.values import significant

_FIRST_SHARE = 0.7  # of the rate of a closed loop
_GROWTH, _FALL = 1.5, 4.0
_CLOSE_ENOUGH = 1.05  # between the highest rate that is kept and the lowest that is not
_MAX_TRIES = 14
_MIN_RATE = 0.5
_REPEATS = 3
_STEP_BACK = 0.9


@dataclass(slots=True)
class SloSearch:
    """What was tried, and what was found."""

    objectives: Sequence[Objective]
    tries: list[tuple[RunCounts, str]] = field(default_factory=list)
    """Each run with what it broke; empty if it kept everything."""

    found: RunCounts | None = None
    """The run at the highest rate that kept everything, twice. None if there is none."""

    stopped: bool = False


def search(
    objectives: Sequence[Objective], capacity: float, run: Callable[[float], RunCounts], told: Callable[[str], None]
) -> SloSearch:
    """Tries rates until the highest that is kept is known within 5 %, and makes sure by repeating it.

    capacity: the rate of a closed loop, from which it begins. run: makes a run at a rate. told: gets a line about each.
    """
    made = SloSearch(objectives)
    low, high, rate = 0.0, 0.0, max(_MIN_RATE, capacity * _FIRST_SHARE)
    while len(made.tries) < _MAX_TRIES and rate >= _MIN_RATE:
        if _try(made, rate, run, told):
            low = rate
        else:
            high = rate
        if made.stopped or (low and high and high / low <= _CLOSE_ENOUGH):
            break
        rate = (low + high) / 2 if low and high else rate * _GROWTH if low else rate / _FALL
    if low and not made.stopped:
        _confirm(made, low, run, told)
    return made


def _confirm(made: SloSearch, rate: float, run: Callable[[float], RunCounts], told: Callable[[str], None]) -> None:
    """One run can be lucky: a rate counts if it is kept a second time. Otherwise lower ones are tried."""
    for _ in range(_REPEATS):
        if _try(made, rate, run, told):
            made.found = made.tries[-1][0]
            return
        if made.stopped:
            return
        rate *= _STEP_BACK


def _try(made: SloSearch, rate: float, run: Callable[[float], RunCounts], told: Callable[[str], None]) -> bool:
    counts = run(rate)
    why = broken(made.objectives, counts)
    made.tries.append((counts, why))
    made.stopped = made.stopped or counts.stopped
    told(f"{significant(rate)} a second: {why or 'kept'}")
    return not why and not counts.stopped
