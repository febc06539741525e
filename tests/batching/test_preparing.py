"""Calls for which the engine compiles something first hold no threads, and hold up no others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.batching.engines import FakeEngine, call, joined

from lightship.batching import Direct, Scheduler, streams

COLD = 100.0  # a call with such a number, or a larger one, waits until its number is compiled


class CompilingEngine(FakeEngine):
    """Compiles something for each number from `COLD` on, as long as `go_on` is not set."""

    def __init__(self) -> None:
        super().__init__(costs=None)
        self.go_on.clear()
        self.compiled: set[float] = set()
        self.ready = lambda signature, inputs: self._ready(float(inputs["x"][0, 0]))

    def run(self, signature: str, inputs: Any, outputs: Any = None) -> dict[str, Any]:
        number = float(inputs["x"][0, 0])
        if not self._ready(number):
            self.begun.release()
            assert self.go_on.wait(60)
            self.compiled.add(number)
        self.runs.append([number])
        return {"y": 2 * inputs["x"]}

    def _ready(self, number: float) -> bool:
        return number < COLD or number in self.compiled


class Outcomes:
    """What became of calls, by their first number."""

    def __init__(self) -> None:
        self.found: list[tuple[float, Any]] = []
        self._changed = threading.Condition()

    def of(self, number: float) -> Callable[[Any], None]:
        def done(outcome: Any) -> None:
            with self._changed:
                self.found.append((number, outcome["y"].tolist()))
                self._changed.notify_all()

        return done

    def wait(self, count: int) -> list[tuple[float, Any]]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.found) >= count, 60)
            return sorted(self.found)


Made = tuple[Scheduler, CompilingEngine, Outcomes]


@pytest.fixture(params=["joined", "direct"])
def made(half_plus_two: Path, request: pytest.FixtureRequest) -> Iterator[Made]:
    """A scheduler with a call that waits until its number is compiled, on a thread of its own."""
    engine, outcomes = CompilingEngine(), Outcomes()
    direct = Direct(engine)  # type: ignore[arg-type]
    scheduler: Scheduler = joined(engine, half_plus_two) if request.param == "joined" else direct
    first = threading.Thread(target=scheduler.submit, args=(call(COLD), outcomes.of(COLD)), daemon=True)
    first.start()
    assert engine.begun.acquire(timeout=60)
    yield scheduler, engine, outcomes
    engine.go_on.set()
    first.join(60)
    scheduler.close()


def test_they_wait_without_a_thread_and_others_run_meanwhile(made: Made) -> None:
    scheduler, engine, outcomes = made
    for _ in range(3):
        scheduler.submit(call(COLD), outcomes.of(COLD))  # returns, although nothing is compiled
    scheduler.submit(call(1), outcomes.of(1))
    assert outcomes.found == [(1, [[2]])]
    assert scheduler.prepares(call(COLD))
    assert not scheduler.prepares(call(1))
    engine.go_on.set()
    assert outcomes.wait(5) == [(1, [[2]])] + [(COLD, [[2 * COLD]])] * 4


def test_what_is_ready_runs_before_the_next_compilation(made: Made) -> None:
    scheduler, engine, outcomes = made
    for number in (COLD + 1, COLD, COLD + 1, COLD):
        scheduler.submit(call(number), outcomes.of(number))
    engine.go_on.set()
    outcomes.wait(5)
    assert engine.runs == [[COLD], [COLD], [COLD], [COLD + 1], [COLD + 1]]


def test_a_call_is_withdrawn_while_it_waits(made: Made) -> None:
    scheduler, engine, outcomes = made
    waiting = call(COLD)
    scheduler.submit(waiting, outcomes.of(COLD))
    assert scheduler.withdraw(waiting)
    assert not scheduler.withdraw(waiting)
    engine.go_on.set()
    outcomes.wait(1)
    scheduler.submit(call(COLD), outcomes.of(COLD))
    assert outcomes.wait(2) == [(COLD, [[2 * COLD]])] * 2
    assert len(engine.runs) == 2


def test_a_call_is_withdrawn_while_those_before_it_run(made: Made) -> None:
    scheduler, engine, outcomes = made
    withdrawn = call(COLD)

    def withdraw(outcome: object) -> None:
        assert scheduler.withdraw(withdrawn)
        outcomes.of(COLD)(outcome)

    scheduler.submit(call(COLD), withdraw)
    scheduler.submit(withdrawn, outcomes.of(COLD))
    scheduler.submit(call(COLD), outcomes.of(COLD))
    engine.go_on.set()
    assert outcomes.wait(3) == [(COLD, [[2 * COLD]])] * 3
    assert len(engine.runs) == 3


def test_they_run_although_the_system_allows_no_further_thread(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "start_thread", lambda *arguments, **options: False)
    scheduler, engine, outcomes = made
    scheduler.submit(call(COLD), outcomes.of(COLD))
    engine.go_on.set()
    assert outcomes.wait(2) == [(COLD, [[2 * COLD]])] * 2


def test_a_handler_that_fails_costs_the_others_nothing(made: Made) -> None:
    scheduler, engine, outcomes = made

    def fail(outcome: object) -> None:
        raise ValueError("a handler's own error")

    scheduler.submit(call(COLD), fail)
    scheduler.submit(call(COLD), outcomes.of(COLD))
    engine.go_on.set()
    assert outcomes.wait(2) == [(COLD, [[2 * COLD]])] * 2
