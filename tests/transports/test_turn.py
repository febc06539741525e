"""A turn of the event loop: all transports read, then what is short is run together, then all write."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightship.lifecycle import Servable, ServableId
from lightship.lifecycle.loader import load_servable
from lightship.services import Prediction, check_signature, prepare_prediction
from lightship.transports.http.server import new_event_loop
from lightship.transports.turn import FEWEST_ALIKE, MAX_TOGETHER, Turn


@pytest.fixture(scope="module")
def servable(half_plus_two: Path) -> Iterator[Servable]:
    loaded = load_servable(ServableId("m", 123), half_plus_two / "123")
    yield loaded
    loaded.close()


class Transport:
    """Adds one prediction in each turn, unless it fails."""

    def __init__(self, name: str, turn: Turn, log: list[str], prediction: Prediction | None) -> None:
        self._name, self._turn, self._log, self._prediction = name, turn, log, prediction

    def unread(self) -> int:
        return 1

    def read(self) -> None:
        self._log.append(f"{self._name} reads")
        if self._prediction is None:
            raise ZeroDivisionError
        self._turn.add(self._prediction)

    def write(self) -> None:
        ran = self._prediction is not None and self._prediction.outcome is not None
        self._log.append(f"{self._name} writes {'a result' if ran else 'nothing'}")


def prediction(servable: Servable) -> Prediction:
    inputs = {"x": np.ones((1, 1), np.float32)}
    return prepare_prediction(servable, check_signature(servable, ""), inputs)


def taken(turn: Turn, *stages: Any) -> None:
    async def run() -> None:
        for stage in stages:
            turn.join(stage, asyncio.get_running_loop())
        await asyncio.sleep(0)

    asyncio.run(run())


def prepare(servable: Servable) -> None:
    """Makes a run whose time is known, so that it may be repeated on an event loop."""
    servable.engine.run("serving_default", {"x": np.ones((1, 1), np.float32)})


def test_all_transports_read_before_anything_runs_and_write_after_it(servable: Servable) -> None:
    for _ in range(100):  # on a busy machine a run may have been too slow to be repeated on the loop
        log: list[str] = []
        turn = Turn()
        prepare(servable)
        taken(turn, *(Transport(name, turn, log, prediction(servable)) for name in "ab"))
        if log[2:] == ["a writes a result", "b writes a result"]:
            break
    assert log == ["a reads", "b reads", "a writes a result", "b writes a result"]


def test_a_transport_that_fails_does_not_cost_the_other_its_turn(servable: Servable) -> None:
    for _ in range(100):
        log: list[str] = []
        turn = Turn()
        prepare(servable)
        taken(turn, Transport("a", turn, log, None), Transport("b", turn, log, prediction(servable)))
        if log[3:] == ["b writes a result"]:
            break
    assert log == ["a reads", "b reads", "a writes nothing", "b writes a result"]


def test_a_transport_can_take_part_in_the_next_turn_too() -> None:
    turn, turns = Turn(), list[str]()

    class Busy:
        def unread(self) -> int:
            return 1

        def read(self) -> None:
            turns.append("read")
            if len(turns) < 5:
                turn.join(self, asyncio.get_running_loop())

        def write(self) -> None:
            turns.append("write")

    async def run() -> None:
        turn.join(Busy(), asyncio.get_running_loop())
        for _ in range(9):
            await asyncio.sleep(0)

    asyncio.run(run())
    assert turns == ["read", "write"] * 3


class Sockets:
    """Takes one byte from each of several sockets as a request, and notes how many are read in each turn."""

    def __init__(self, turn: Turn, loop: asyncio.AbstractEventLoop, sockets: list[socket.socket]) -> None:
        self._turn, self._loop = turn, loop
        self._found = self.received = 0
        self.turns: list[int] = []
        self.when_received: dict[int, Callable[[], object]] = {}  # by the number of requests that have come
        for one in sockets:
            loop.add_reader(one, self._receive, one)

    def _receive(self, one: socket.socket) -> None:
        self._loop.remove_reader(one)
        if not self._found:
            self._turn.join(self, self._loop)
        self._found += 1
        self.received += 1
        self.when_received.get(self.received, int)()

    def unread(self) -> int:
        return self._found

    def read(self) -> None:
        self.turns.append(min(self._found, MAX_TOGETHER))
        self._found -= self.turns[-1]
        if self._found:
            self._turn.join(self, self._loop)

    def write(self) -> None: ...


@pytest.fixture(params=[asyncio.new_event_loop, new_event_loop])
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    made: asyncio.AbstractEventLoop = request.param()
    yield made
    made.close()


def turns_of(
    loop: asyncio.AbstractEventLoop, at_first: int, then: dict[int, int], looking_seconds: float = 60
) -> list[int]:
    """Returns how many requests each turn reads, if some have come at first.

    then: how many more come as soon as the event loop has found so many.
    """

    async def run() -> list[int]:
        transport = Sockets(Turn(looking_seconds), loop, [one for one, _ in pairs])
        senders = iter([other for _, other in pairs])

        def send(number: int) -> None:
            for _ in range(number):
                next(senders).send(b"1")

        transport.when_received = {number: lambda more=more: send(more) for number, more in then.items()}  # type: ignore[misc]
        send(at_first)
        async with asyncio.timeout(60):
            while transport.received < total or sum(transport.turns) < total:
                await asyncio.sleep(0)
        return transport.turns

    total = at_first + sum(then.values())
    with ExitStack() as stack:
        pairs = [tuple(map(stack.enter_context, socket.socketpair())) for _ in range(total)]
        return loop.run_until_complete(run())


def test_what_has_come_since_the_sockets_were_looked_at_is_read_in_the_same_turn(
    loop: asyncio.AbstractEventLoop,
) -> None:
    assert turns_of(loop, 3, {3: 1}) == [4]
    assert turns_of(loop, 3, {3: 2, 5: 1}) == [6]


def test_a_lone_request_is_read_without_another_look_at_the_sockets(loop: asyncio.AbstractEventLoop) -> None:
    fewer = FEWEST_ALIKE - 1
    assert turns_of(loop, 1, {1: 1}) == [1, 1]
    assert turns_of(loop, fewer, {fewer: 1}) == [fewer, 1]


def test_a_turn_does_not_wait_for_ever_for_clients_that_send_all_the_time(loop: asyncio.AbstractEventLoop) -> None:
    one_by_one = {number: 1 for number in range(3, 100)}
    assert turns_of(loop, 3, one_by_one)[0] == MAX_TOGETHER
    assert turns_of(loop, 3, one_by_one, looking_seconds=0)[0] == 3
