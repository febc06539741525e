"""Decides whether a setting is better than the default, by turns of both that alternated."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lightship.tuning.objective import Objective, Turns

# A setting must be at least so much better: less is not worth that answers depend on a file.
MIN_GAIN = 0.02
# What a setting may lose at one number of callers while it wins on the whole.
MAX_LOSS = 0.05


@dataclass(frozen=True, slots=True)
class Decision:
    """How a setting did beside the default."""

    # How many times as good as the default it was in each repeat.
    ratios: Sequence[float]
    # The median of the ratios, and the factor from it to the tenth or the ninetieth percentile, less 1: 0.1 says that
    # most ratios are within 10 %.
    median: float
    spread: float
    # The median ratio for each number of callers.
    by_callers: Mapping[int, float]
    # Whether the setting is to be kept, and why or why not.
    better: bool
    reason: str


def decide(objective: Objective, tried: Sequence[Turns], default: Sequence[Turns]) -> Decision:
    """Compares a setting with the default. Both have turns for each repeat, at least one.

    The setting is better if it wins in the median by more than the spread and by at least `MIN_GAIN`, and if it does
    not lose more than `MAX_LOSS` at any number of callers.
    """
    ratios = [objective.ratio(one, other) for one, other in zip(tried, default, strict=True)]
    median, spread = statistics.median(ratios), _spread(ratios)
    by_callers = {
        callers: statistics.median(
            objective.of_turn(one[callers]) / objective.of_turn(other[callers])
            for one, other in zip(tried, default, strict=True)
        )
        for callers in tried[0]
    }
    better, reason = _verdict(objective, median, spread, by_callers)
    return Decision(ratios, median, spread, by_callers, better, reason)


def _verdict(objective: Objective, median: float, spread: float, by_callers: Mapping[int, float]) -> tuple[bool, str]:
    gain = f"{(median - 1) * 100:+.1f} % in the median, with a spread of {spread * 100:.1f} %"
    if median - 1 <= max(spread, MIN_GAIN):
        return False, f"it gains no more than noise: {gain}"
    worst = min(by_callers, key=lambda callers: by_callers[callers])
    if objective.limit is None and by_callers[worst] < 1 - MAX_LOSS:
        loss = f"{(1 - by_callers[worst]) * 100:.0f} % at {worst} {'caller' if worst == 1 else 'callers'}"
        return False, f"it loses {loss}, although it gains on the whole: {gain}"
    return True, gain


def _spread(ratios: Sequence[float]) -> float:
    if len(ratios) < 2:
        return float("inf")
    tenths = statistics.quantiles(map(math.log, ratios), n=10, method="inclusive")
    return math.exp((tenths[-1] - tenths[0]) / 2) - 1
