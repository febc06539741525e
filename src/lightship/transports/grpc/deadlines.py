"""Ends calls when their time is up, with one timer of the event loop for all."""

from __future__ import annotations

import asyncio
import heapq
import time
from typing import Protocol

from lightship.transports.periodic import PeriodicCalls

_MAX_SLEEP = 3600.0  # seconds
_GRAIN = 0.001  # seconds; event loops round down to it
_MAX_STALE = 1000  # entries of calls that have ended, before they are removed


class Timed(Protocol):
    """A call with a deadline by `time.monotonic`."""

    deadline: float | None
    # Whether the call has ended.
    finished: bool

    def on_deadline(self) -> None:
        """Called when the deadline has passed and the call has not ended."""


class Deadlines:
    """Calls that have not been answered at once. Must be used on the event loop only."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timed]] = []
        self._number = 0
        self._calls = PeriodicCalls("ending a call at its deadline")
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._compact_at = _MAX_STALE

    def add(self, call: Timed) -> None:
        """Watches a call. Calls without a deadline are ignored."""
        if call.deadline is None:
            return
        self._number += 1
        heapq.heappush(self._heap, (call.deadline, self._number, call))
        if len(self._heap) > self._compact_at:
            self._compact()
        if self._timer is None or call.deadline < self._due:
            self._schedule()

    def _compact(self) -> None:
        """Removes the entries of calls that have ended, which would keep their memory."""
        self._heap = [entry for entry in self._heap if not entry[2].finished]
        heapq.heapify(self._heap)
        self._compact_at = max(_MAX_STALE, 2 * len(self._heap))

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            self._due = self._heap[0][0]
            seconds = min(_MAX_SLEEP, max(0.0, self._due - time.monotonic()) + _GRAIN)
            self._timer = asyncio.get_running_loop().call_later(seconds, self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = time.monotonic()
        while self._heap and self._heap[0][0] <= now:
            _, _, call = heapq.heappop(self._heap)
            if not call.finished:
                self._calls.call(call.on_deadline)
        self._schedule()
