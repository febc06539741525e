"""Runs the same number of rows as before if that is cheaper than to change it."""

from __future__ import annotations

from lightship.batching.plan import Plan

# Seconds that a run takes longer if the run before it had another number of rows: the engine prepares itself for the
# new shape. Measured with OpenVINO and a dense layer of 4 numbers: 34 to 37 us instead of 16 to 18.
_CHANGE = 2e-5


class SteadySize:
    """Chooses the number of rows of each run on the event loop. Must be used there only."""

    __slots__ = ("_last", "_lost")

    def __init__(self) -> None:
        self._last = 0  # the number of rows of the last run
        self._lost = 0.0  # further seconds that runs with it have taken, instead of the best number

    def choose(self, plan: Plan, rows: int, best: int) -> int:
        """Returns how many rows to run: `best`, or the number of the last run if that is enough for `rows`.

        The last number is kept until keeping it has cost as much as a change.
        """
        last = self._last
        if last == best:
            self._lost = 0.0
            return best
        if last >= rows:
            self._lost += max(0.0, plan.seconds(last) - plan.seconds(best))
            if self._lost < _CHANGE:
                return last
        self._last, self._lost = best, 0.0
        return best
