"""Decides which batches are worth it, by what they cost on this machine."""

from __future__ import annotations

import math
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate

# A joint run must cost at most this share of what single runs or smaller joint runs cost: less could be noise.
_WORTH_IT = 0.9
# Seconds that a joint run must save besides, because inputs are joined and outputs are split.
_JOINING = 1e-5


class Plan:
    """Only batches of sizes that were measured are run. Missing rows are filled up where that costs less than two runs.

    `largest` is the largest number of rows that is worth it, or 1 if none is. Calls with fewer rows than `fewest`
    together are not joined.
    """

    __slots__ = ("_costs", "_known", "_single", "_sizes", "fewest", "largest")

    def __init__(self, costs: Mapping[int, float]) -> None:
        """`costs` has the seconds of one run by the number of rows. Without those of 1, no batch is worth it."""
        self._costs = dict(costs)
        self._known = sorted(costs)
        self._sizes: list[int] = []
        self._single: dict[tuple[int, float], tuple[int, int]] = {}  # what was chosen for calls of one row
        best = self._costs.get(1, 0.0)
        for rows in self._known:
            if rows > 1 and costs[rows] / rows <= _WORTH_IT * best:
                self._sizes.append(rows)
                best = costs[rows] / rows
        self.largest = self._sizes[-1] if self._sizes else 1
        numbers = range(2, self.largest + 1)
        self.fewest = next((number for number in numbers if self.take([1] * number)[0] > 1), sys.maxsize)

    def seconds(self, rows: int) -> float:
        """Returns about how long a run of so many rows takes."""
        index = bisect_left(self._known, rows)
        if index == len(self._known):
            most = self._known[-1]
            return self._costs[most] * rows / most
        upper = self._known[index]
        if upper == rows or index == 0:
            return self._costs[upper]
        lower = self._known[index - 1]
        share = (rows - lower) / (upper - lower)
        return self._costs[lower] + share * (self._costs[upper] - self._costs[lower])

    def take(self, rows: Sequence[int], limit: float = math.inf) -> tuple[int, int]:
        """Chooses the next batch of calls that wait, of which `rows` has the numbers of rows, in their order.

        Returns how many of the first calls to join and how many rows to run, of which there may be more than the calls
        have: then some are to be repeated. (1, rows of the first call) means that it is to run alone. A joint run takes
        at most `limit` seconds.
        """
        count = len(rows)
        return self._take(rows, limit) if sum(rows) != count else self._take_single(count, limit)

    def take_equal(self, calls: int, rows: int, limit: float = math.inf) -> tuple[int, int]:
        """Chooses like `take` among so many calls of so many rows each."""
        return self._take_single(calls, limit) if rows == 1 else self._take([rows] * calls, limit)

    def _take_single(self, count: int, limit: float) -> tuple[int, int]:
        """Chooses among calls of one row."""
        key = min(count, self.largest + 1), limit  # further calls wait for the next batch
        taken = self._single.get(key)
        if taken is None:
            taken = self._single[key] = self._take([1] * key[0], limit)
        return taken

    def _take(self, rows: Sequence[int], limit: float) -> tuple[int, int]:
        first = rows[0]
        calls, size, best = 1, first, math.inf
        totals = list(accumulate(rows))
        for one in self._sizes:
            count = bisect_right(totals, one)
            if count < 2:
                continue
            seconds = self._costs[one]
            if seconds > limit:
                break
            per_row = seconds / totals[count - 1]
            if per_row < best and seconds + _JOINING <= _WORTH_IT * self._alone(rows, count, totals[count - 1]):
                calls, size, best = count, one, per_row
            if count == len(rows):
                break
        return calls, size

    def _alone(self, rows: Sequence[int], count: int, total: int) -> float:
        """Returns about how long the first calls take one after the other."""
        if total == count:
            return count * self._costs[1]
        return sum(map(self.seconds, rows[:count]))
