"""Clients that hold memory without progress lose it, but only while others are refused."""

from __future__ import annotations

import contextlib
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from lightship.memory_budget import MemoryBudget
from lightship.server import Server, serve
from lightship.transports.stalled import Held, StalledClients

MB = 1 << 20
HEAD = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: localhost\r\n"


class Connection:
    def __init__(self, memory: int, each_second: int = 0) -> None:
        self.memory, self.each_second = memory, each_second
        self.request, self.position, self.taken_back = object(), 0, False

    @property
    def held(self) -> Held | None:
        self.position += self.each_second
        return None if self.taken_back else Held(self.request, self.memory, self.position)

    def take_back(self) -> None:
        self.taken_back = True


def lost(*connections: Connection, refusals: bool = True, looks: int = 2) -> list[bool]:
    """Which of the connections lose their memory in some looks, each a second after the one before."""
    budget = MemoryBudget(16 * MB)
    stalled = StalledClients(budget)
    for second in range(looks):
        budget.refusals += refusals
        stalled.look(connections, 100.0 + second)
    return [one.taken_back for one in connections]


def test_a_client_that_stalls_loses_its_memory_while_others_are_refused() -> None:
    assert lost(Connection(MB)) == [True]


def test_nobody_loses_anything_while_there_is_enough() -> None:
    assert lost(Connection(MB), refusals=False) == [False]


def test_a_few_bytes_are_no_progress_for_a_large_body() -> None:
    assert lost(Connection(MB, each_second=1), Connection(MB, each_second=MB // 64)) == [True, False]


def test_a_client_has_a_second() -> None:
    assert lost(Connection(MB), looks=1) == [False]


def test_another_request_of_the_connection_is_progress() -> None:
    connection, budget = Connection(MB), MemoryBudget(16 * MB)
    stalled = StalledClients(budget)
    for second in range(3):
        budget.refusals += 1
        connection.request = object()
        stalled.look([connection], 100.0 + second)
    assert not connection.taken_back


def test_the_largest_are_taken_until_a_fourth_is_free() -> None:
    assert lost(Connection(MB), Connection(3 * MB), Connection(2 * MB)) == [False, True, True]


def test_bodies_that_do_not_end_do_not_keep_others_from_being_answered(half_plus_two: Path) -> None:
    with (
        serve(f"m={half_plus_two}", rest_port="auto", memory_budget=16 * MB) as server,
        contextlib.ExitStack() as stack,
    ):
        assert server.wait_ready(60)
        stalled = [stack.enter_context(connected(server)) for _ in range(15)]
        for client in stalled:
            client.sendall(HEAD + b"Content-Length: 1100000\r\n\r\n" + b" " * MB)
        wait_until(lambda: taken(server) >= 15 * MB)  # all of the budget but a little
        wait_until(lambda: ask(server) == 503)
        wait_until(lambda: ask(server) == 200)  # long before their time-out of a minute
        assert any(refused(client) for client in stalled)


def test_answers_that_nobody_takes_do_not_keep_others_from_being_answered(half_plus_two: Path) -> None:
    with serve(f"m={half_plus_two}", rest_port="auto", memory_budget=16 * MB) as server, connected(server) as stalled:
        assert server.wait_ready(60)
        body = json.dumps({"instances": [1.0] * 20_000}).encode()
        stalled.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            stalled.send((HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body) * 40)
        wait_until(lambda: ask_for_all(server).startswith(b"HTTP/1.1 503 "))
        wait_until(lambda: ask_for_all(server).startswith(b"HTTP/1.1 100 "))


def ask_for_all(server: Server) -> bytes:
    """How an answer begins to a request that needs all of the budget but 64 KiB."""
    with connected(server) as client:
        client.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (16 * MB - (64 << 10)))
        return client.recv(100)


def taken(server: Server) -> int:
    return server._endpoints.app.budget.taken  # type: ignore[union-attr]


def connected(server: Server) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(60)
    client.connect(("127.0.0.1", server.rest_port))
    return client


def refused(client: socket.socket) -> bool:
    client.settimeout(0.1)
    with contextlib.suppress(OSError):
        return client.recv(100).startswith(b"HTTP/1.1 503 ")
    return False


def ask(server: Server) -> int:
    """The status of a request that needs over a megabyte."""
    body = json.dumps({"instances": [1.0] * 20_000}).encode()
    try:
        with urllib.request.urlopen(f"{server.rest_url}/v1/models/m:predict", body, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
