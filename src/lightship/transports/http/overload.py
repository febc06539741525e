"""Notices that more calls arrive than are finished, and that this is not just a burst."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

STEP = 0.1  # seconds; arrivals and finished calls are counted for each such step
_IN_A_ROW = 3  # periods in which too many calls must arrive


class _Rule(NamedTuple):
    """Overload: in three periods in a row, more than `ratio` times as many calls arrive as are finished."""

    steps: int  # the length of one period
    ratio: float


# A large excess is seen after 0.3 s, a small one after 3 s. Many clients that start together and then wait for their
# answers fill one or two periods, so they are not taken for overload, however many they are.
_RULES = (_Rule(1, 2.0), _Rule(3, 1.5), _Rule(10, 1.2))
_KEPT = max(rule.steps for rule in _RULES) * _IN_A_ROW


class OverloadDetector:
    """Counts the calls of one queue. `overloaded` is True while clearly more calls arrive than are finished.

    slack: the excess in each period that does not count, because so many calls can begin at once.
    """

    __slots__ = ("_arrived", "_finished", "_slack", "_start", "_steps", "overloaded")

    def __init__(self, slack: int) -> None:
        self._slack = slack
        self._start = 0.0
        self._arrived = self._finished = 0
        self._steps: deque[tuple[int, int]] = deque(maxlen=_KEPT)
        self.overloaded = False

    def arrived(self, now: float) -> None:
        """Counts an arrival, refused or not, at `now` seconds of a monotonic clock."""
        passed = int((now - self._start) / STEP)
        if passed:
            self._close_steps(now, passed)
        self._arrived += 1

    def finished(self) -> None:
        self._finished += 1

    def _close_steps(self, now: float, passed: int) -> None:
        self._start = now if passed > _KEPT else self._start + passed * STEP
        self._steps.append((self._arrived, self._finished))
        self._arrived = self._finished = 0
        self._steps.extend([(0, 0)] * min(passed - 1, _KEPT))
        if self.overloaded:
            arrived, finished = self._sums(0, _IN_A_ROW)
            self.overloaded = arrived > finished * 1.05 + 1
        else:
            self.overloaded = any(self._broken(rule) for rule in _RULES)

    def _broken(self, rule: _Rule) -> bool:
        if len(self._steps) < rule.steps * _IN_A_ROW:
            return False
        periods = (self._sums(period * rule.steps, rule.steps) for period in range(_IN_A_ROW))
        return all(arrived > finished * rule.ratio + self._slack for arrived, finished in periods)

    def _sums(self, skipped: int, steps: int) -> tuple[int, int]:
        """Returns the arrived and finished calls of some steps; `skipped` counts from the newest one."""
        counted = [self._steps[-1 - index] for index in range(skipped, min(skipped + steps, len(self._steps)))]
        return sum(arrived for arrived, _ in counted), sum(finished for _, finished in counted)
