"""Tasks that repeat go on after an error."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import cast

import pytest

from lightship.memory_budget import MemoryBudget
from lightship.transports.grpc.deadlines import Deadlines, Timed
from lightship.transports.periodic import HaltNoticed, PeriodicCalls
from lightship.transports.stalled import Held, StalledClients


def fail(*_: object) -> None:
    raise ZeroDivisionError("a fault")


def test_an_error_is_logged_once_and_the_next_calls_are_made(caplog: pytest.LogCaptureFixture) -> None:
    calls, made = PeriodicCalls("the test"), list[int]()
    with caplog.at_level(logging.ERROR, "lightship"):
        for number in range(3):
            calls.call(fail, number)
            calls.call(made.append, number)
    assert made == [0, 1, 2]
    assert caplog.messages == ["the test failed"]
    assert "a fault" in caplog.text


def test_a_halt_is_noticed_but_not_twice_in_a_row() -> None:
    halt = HaltNoticed(100.0)
    assert [halt.halted(now) for now in (100.1, 102.0, 104.0, 106.0, 106.1)] == [False, True, False, True, False]


class Faulty:
    """A connection of which nothing can be found out."""

    @property
    def held(self) -> Held | None:
        raise ZeroDivisionError("a fault")

    def take_back(self) -> None:
        raise AssertionError("nothing is known of it")


class Stuck:
    def __init__(self, memory: int) -> None:
        self.held, self.asked = Held(self, memory, 0), 0

    def take_back(self) -> None:
        self.asked += 1
        fail()


def test_a_fault_of_one_connection_does_not_keep_memory_from_being_taken_back_from_others() -> None:
    budget = MemoryBudget(1 << 20)
    stalled, stuck = StalledClients(budget), [Stuck(100), Stuck(50)]
    for second in range(3):
        budget.refusals += 1
        stalled.look([Faulty(), stuck[0], Faulty(), stuck[1]], 100.0 + second)
    assert all(one.asked for one in stuck)


def test_a_fault_at_one_deadline_does_not_keep_other_calls_from_theirs() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        deadlines = Deadlines()
        faulty = SimpleNamespace(deadline=1.0, finished=False, on_deadline=fail)
        sound = SimpleNamespace(deadline=2.0, finished=False, on_deadline=lambda: ended.set_result(None))
        deadlines.add(cast(Timed, faulty))
        deadlines.add(cast(Timed, sound))
        await asyncio.wait_for(ended, 60)

    asyncio.run(run())
