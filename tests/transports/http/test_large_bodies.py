"""Large bodies are received straight into their buffer: whole, within the budget, and without more memory than came."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightship.errors import Unavailable
from lightship.memory_budget import MemoryBudget
from lightship.server import Server, serve
from lightship.transports.http import body_receiver
from lightship.transports.http.limits import Limits, Timeouts
from lightship.transports.http.request_reader import RequestReader

HEAD = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
READY = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
SIZE = 3 << 20
BODY = b" " * SIZE + b'{"instances":[1.0]}'


@pytest.fixture
def timeouts() -> Timeouts:
    return Timeouts()


impatient = pytest.mark.parametrize("timeouts", [Timeouts(body=0.5, linger=60)])


@pytest.fixture(params=["uvloop", "asyncio"])
def server(
    request: pytest.FixtureRequest, half_plus_two: Path, timeouts: Timeouts, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    if request.param == "asyncio":
        monkeypatch.setattr("lightship.server.endpoints.new_event_loop", asyncio.new_event_loop)
    with serve(f"m={half_plus_two}", rest_port="auto", timeouts=timeouts) as running:
        assert running.wait_ready(60)
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) as connected:
        yield connected


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what was received straight into a body."""
    sizes: list[int] = []
    original = body_receiver.BodyReceiver.buffer_updated

    def counted(self: body_receiver.BodyReceiver, nbytes: int) -> None:
        sizes.append(nbytes)
        original(self, nbytes)

    monkeypatch.setattr(body_receiver.BodyReceiver, "buffer_updated", counted)
    return sizes


def answers(client: socket.socket, number: int) -> list[tuple[bytes, bytes]]:
    """Reads this many responses: the first line and the body of each."""
    data, found = b"", []
    while len(found) < number:
        head, end, rest = data.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        size = int(lengths[0].partition(b":")[2]) if end else 0
        if not end or len(rest) < size:
            more = client.recv(65536)
            assert more, data
            data += more
            continue
        found.append((head.partition(b"\r\n")[0], rest[:size]))
        data = rest[size:]
    return found


def test_a_large_body_comes_whole_and_the_connection_goes_on(client: socket.socket, received: list[int]) -> None:
    for _ in range(3):
        client.sendall(HEAD % len(BODY) + BODY)
        assert json.loads(answers(client, 1)[0][1]) == {"predictions": [2.5]}
    assert sum(received) > 3 * SIZE // 2


def test_every_byte_is_in_its_place(client: socket.socket, received: list[int]) -> None:
    numbers = [float(number) for number in range(200_000)]
    body = json.dumps({"instances": numbers}).encode()
    client.sendall(HEAD % len(body) + body)
    assert json.loads(answers(client, 1)[0][1])["predictions"] == [number / 2 + 2 for number in numbers]
    assert received


def test_requests_behind_a_large_body_are_answered_after_it(client: socket.socket) -> None:
    client.sendall(READY + HEAD % len(BODY) + BODY + READY + HEAD % len(BODY) + BODY + READY)
    lines = [line for line, _ in answers(client, 5)]
    assert lines == [b"HTTP/1.1 200 OK"] * 5


@impatient
def test_a_large_body_that_ends_early_is_refused_in_time(client: socket.socket, received: list[int]) -> None:
    client.sendall(HEAD % len(BODY) + BODY[: SIZE // 2])
    ((line, text),) = answers(client, 1)
    assert line == b"HTTP/1.1 504 Gateway Time-out"
    assert b"no more of the request's body came" in text
    assert received


@impatient
def test_the_rest_of_a_refused_large_body_is_dropped(client: socket.socket, received: list[int]) -> None:
    client.sendall(HEAD % len(BODY) + BODY[: SIZE // 2])
    assert answers(client, 1)[0][0].startswith(b"HTTP/1.1 504")
    before = sum(received)
    client.sendall(BODY[SIZE // 2 :])
    assert client.recv(1) == b""
    assert sum(received) >= before


def test_a_client_that_goes_in_the_middle_leaves_nothing(server: Server, received: list[int]) -> None:
    assert server._endpoints is not None
    budget = server._endpoints.app.budget
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) as client:
        client.sendall(HEAD % len(BODY) + BODY[: SIZE // 2])
        wait_until(lambda: sum(received) > SIZE // 4)
        assert budget.taken >= SIZE // 4
    wait_until(lambda: budget.taken == 0)


def wait_until(condition: object) -> None:
    done = threading.Event()
    for _ in range(600):
        if condition():  # type: ignore[operator]
            return
        done.wait(0.1)
    raise AssertionError("it did not come to that within a minute")


def test_a_body_without_room_is_refused_while_it_comes(half_plus_two: Path, received: list[int]) -> None:
    with serve(f"m={half_plus_two}", rest_port="auto", memory_budget=16 << 20) as server:
        assert server.wait_ready(60)
        assert server._endpoints is not None
        taken = server._endpoints.app.budget.reservation()
        with socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) as client:
            client.sendall(HEAD % len(BODY) + BODY[: SIZE // 2])
            wait_until(lambda: sum(received) > SIZE // 4)
            taken.hold(16 << 20)
            client.sendall(BODY[SIZE // 2 :])
            assert answers(client, 1)[0][0].startswith(b"HTTP/1.1 503")
        taken.release()


def reader(declared: int, budget: MemoryBudget) -> RequestReader:
    made = RequestReader(Limits(), budget)
    made.declared = declared
    return made


def test_the_buffer_grows_by_no_more_than_what_has_come() -> None:
    budget = MemoryBudget(1 << 30)
    one = reader(100 << 20, budget)
    one.add(bytes(128 << 10))
    assert len(one.room()) <= 128 << 10
    while one.size < 64 << 20:
        room = one.room()
        assert len(room) <= max(one.size, 64 << 10)
        one.size += len(room)
        assert budget.taken <= 2 * one.size + (1 << 20)
        room.release()


def test_the_buffer_of_a_body_has_its_size() -> None:
    one = reader((1 << 20) + 7, MemoryBudget(1 << 30))
    one.add(b"a" * (200 << 10))
    while one.size < one.declared:
        room = one.room()
        room[:] = b"b" * len(room)
        one.size += len(room)
        room.release()
    body = one.request().body
    assert body == b"a" * (200 << 10) + b"b" * (one.declared - (200 << 10))


def test_a_buffer_without_room_is_refused() -> None:
    budget = MemoryBudget(1 << 20)
    one = reader(900 << 10, budget)
    one.add(bytes(500 << 10))
    budget.reservation().grow(300 << 10)
    with pytest.raises(Unavailable):
        one.room()
