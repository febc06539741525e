"""Measures one model, or two in turns: closed loops, constant rates, or the search for the highest rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lightship.bench.answers import read_answer, same
from lightship.bench.fleet import Fleet, Progress, RunCounts, RunPlan
from lightship.bench.measured import Measured, Row, Target, ratios_of, row_of
from lightship.bench.objectives import Objective
from lightship.bench.requests import Prepared
from lightship.bench.slo_search import search
from lightship.bench.usage import UsageMeter


@dataclass(frozen=True, slots=True)
class Side:
    """A target that is ready to be measured."""

    target: Target
    prepared: Prepared
    meter: UsageMeter | None


Tell = Callable[[str, RunPlan, Progress], None]
"""Gets the target's name, the plan and the progress of a run."""


class Measuring:
    """Makes the runs, and keeps what they measured in `measured`, also if they are stopped."""

    def __init__(self, fleet: Fleet, sides: Sequence[Side], tell: Tell, told: Callable[[str], None]) -> None:
        """told: gets lines about the search for a rate."""
        self._fleet, self._sides, self._tell, self._told = fleet, sides, tell, told
        self._stopped = False
        self.measured = Measured([one.target for one in sides])
        for side in sides:
            fleet.know(side.target.role, side.prepared.endpoint)
        if len(sides) == 2:
            self.measured.answers_differ = _differ(sides[0].prepared, sides[1].prepared)

    def stop(self) -> None:
        """Ends the run that is made now, and makes no further one."""
        self._stopped = self.measured.stopped = True
        self._fleet.stop()

    def loads(self, plans: Sequence[RunPlan], rounds: int) -> None:
        """Measures each plan: once for one target, and in `rounds` interleaved turns for two."""
        for plan in plans:
            runs: dict[str, list[RunCounts]] = {one.target.role: [] for one in self._sides}
            for number in range(rounds if len(self._sides) > 1 else 1):
                for side in self._sides[:: -1 if number % 2 else 1]:  # neither is always the first
                    if not self._over:
                        runs[side.target.role].append(self._run(side, plan))
            rows = [row_of(one.target, runs[one.target.role]) for one in self._sides if runs[one.target.role]]
            self._keep(rows, runs)
            if self._over:
                return

    def objectives(self, objectives: Sequence[Objective], closed: RunPlan, connections: int) -> None:
        """Searches the highest rate that keeps the objectives, for each target.

        closed: a closed loop, from whose rate the search begins. connections: at most, at a constant rate.
        """
        for side in self._sides:
            first = self._run(side, closed)
            self.measured.add(row_of(side.target, [first]))
            if self._over:
                return
            found = search(objectives, first.rate, self._at_rate(side, closed, connections), self._told)
            self.measured.searches.append((side.target, found))
            for counts, _ in sorted(found.tries, key=lambda one: one[0].plan.rate or 0.0):
                self.measured.add(row_of(side.target, [counts]))
            if self._over:
                return

    def _at_rate(self, side: Side, closed: RunPlan, connections: int) -> Callable[[float], RunCounts]:
        def run(rate: float) -> RunCounts:
            return self._run(side, RunPlan(connections, closed.seconds, closed.warm_up, closed.timeout, rate))

        return run

    @property
    def _over(self) -> bool:
        return self._stopped or bool(self.measured.dead)

    def _run(self, side: Side, plan: RunPlan) -> RunCounts:
        name = side.target.name
        counts = self._fleet.run(side.target.role, plan, side.meter, lambda progress: self._tell(name, plan, progress))
        if counts.dead:
            self.measured.dead = name
        return counts

    def _keep(self, rows: Sequence[Row], runs: dict[str, list[RunCounts]]) -> None:
        for row in rows:
            if row.counts.seconds:
                self.measured.add(row)
        if len(self._sides) == 2 and rows:
            a, b = (runs[one.target.role] for one in self._sides)
            self.measured.ratios += ratios_of(rows[0].load, a, b)


def _differ(a: Prepared, b: Prepared) -> bool | None:
    """Returns whether two servers answer the same requests differently; None if their answers have different forms."""
    if not (a.compared and b.compared) or len(a.endpoint.expected) != len(b.endpoint.expected):
        return None
    if (a.endpoint.headers is None) != (b.endpoint.headers is None):
        return None
    pairs = zip(a.endpoint.expected, b.endpoint.expected, strict=True)
    return not all(same(read_answer(one), read_answer(other)) for one, other in pairs)
