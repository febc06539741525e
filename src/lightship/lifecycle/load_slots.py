"""Limits how many versions load at the same time, without letting loads that hang hold up other models."""

from __future__ import annotations

from typing import NamedTuple

# A load that has run for so long may hang.
DEFAULT_SLOW_SECONDS = 5.0
# The most loads that may run beyond the usual number while others may hang.
MAX_FURTHER = 4


class _Running(NamedTuple):
    model: str
    began: float


class LoadSlots:
    """The loads that are running.

    usual: the number of loads at the same time. Loads that have run for `slow_seconds` do not count, so that further
        ones can begin, at most `MAX_FURTHER`, and only of models of which none is running.
    """

    def __init__(self, usual: int, slow_seconds: float = DEFAULT_SLOW_SECONDS) -> None:
        self._usual, self._slow_seconds = usual, slow_seconds
        self._running: list[_Running] = []

    def may_begin(self, model: str, now: float) -> bool:
        """Returns whether a version of this model may begin to load now, by `time.monotonic`."""
        if len(self._running) < self._usual:
            return True
        quick = sum(now - one.began < self._slow_seconds for one in self._running)
        further = len(self._running) - self._usual
        return quick < self._usual and further < MAX_FURTHER and all(one.model != model for one in self._running)

    def begin(self, model: str, now: float) -> None:
        self._running.append(_Running(model, now))

    def end(self, model: str, began: float) -> None:
        self._running.remove(_Running(model, began))

    def next_slow(self, now: float) -> float | None:
        """Returns when the next running load will count as slow, or None if none will."""
        times = (one.began + self._slow_seconds for one in self._running)
        return min((time for time in times if time > now), default=None)
