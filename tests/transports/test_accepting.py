"""Several event loops accept connections on one socket, as processes do that share it."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

import pytest

from lightship.transports.accepting import Balance, Closable, ConnectionCounts, accept_connections
from lightship.transports.http.server import new_event_loop
from lightship.transports.sockets import listen


class Kept(asyncio.Protocol):
    """Keeps its connection open."""

    def __init__(self, connections: set[Any]) -> None:
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)


@pytest.fixture
def counts() -> ConnectionCounts:
    fd = ConnectionCounts.create(3)
    shared = ConnectionCounts(fd, 3)
    os.close(fd)
    for place in range(3):
        shared.clear(place)
    return shared


def test_the_least_count_is_that_of_those_who_accept(counts: ConnectionCounts) -> None:
    assert counts.least(range(3)) is None
    counts.set(1, 7)
    counts.set(2, 5)
    assert counts.least(range(3)) == 5
    assert counts.least(range(2)) == 7


@pytest.mark.parametrize(("mine", "least", "fewer"), [(0, 0, False), (1, 0, True), (9, 8, False), (10, 8, True)])
def test_an_eighth_more_is_no_reason_to_give_way(counts: ConnectionCounts, mine: int, least: int, fewer: bool) -> None:
    counts.set(1, least)
    assert Balance(counts, range(2), 0).others_have_fewer(mine) is fewer


async def connected(port: int) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    return writer


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


def run(coroutine: Any) -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(coroutine)


def test_connections_that_come_one_by_one_alternate(counts: ConnectionCounts) -> None:
    async def scenario() -> None:
        listening = listen("127.0.0.1", "auto")
        port, opened = listening.getsockname()[1], [set[Any](), set[Any]()]
        acceptors: list[Closable] = []
        owned = []
        for place, connections in enumerate(opened):
            own = socket.socket(fileno=os.dup(listening.fileno()))
            owned.append(own)
            balance = Balance(counts, range(2), place)
            acceptors.append(await accept_connections(lambda c=connections: Kept(c), own, connections, balance))
        writers = []
        for number in range(10):
            writers.append(await connected(port))
            await until(lambda n=number: sum(map(len, opened)) == n + 1)
        assert [len(one) for one in opened] == [5, 5]
        for acceptor in acceptors:
            acceptor.close()
        assert counts.least(range(2)) is None
        for one in (*writers, *owned, listening):
            one.close()

    run(scenario())


def test_a_connection_is_taken_although_another_has_fewer_but_does_not_come(counts: ConnectionCounts) -> None:
    async def scenario() -> None:
        counts.set(1, 0)  # says that it accepts connections, and hangs
        listening, connections = listen("127.0.0.1", "auto"), set[Any]()
        port = listening.getsockname()[1]
        acceptor = await accept_connections(
            lambda: Kept(connections), listening, connections, Balance(counts, range(2), 0)
        )
        writers = [await connected(port) for _ in range(50)]
        await until(lambda: len(connections) == 50)
        acceptor.close()
        for writer in writers:
            writer.close()
        listening.close()

    run(scenario())
