"""Requests that mean much work for few bytes, and too many connections: other clients are answered all the same."""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightship.server import Server, serve
from lightship.transports.http.limits import Limits, Timeouts
from lightship.transports.http.response_head import CONTINUE

HEAD = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: localhost\r\n"
GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"
PATIENCE = 30.0  # seconds; what is measured takes a hundredth of it


@pytest.fixture(scope="module")
def server(half_plus_two: Path) -> Iterator[Server]:
    with serve(f"m={half_plus_two}", rest_port="auto") as running:
        assert running.wait_ready(60)
        yield running


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.rest_port), timeout=60)


def all_of(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


def chunked(text: bytes, size: int = 1) -> bytes:
    pieces = (text[start : start + size] for start in range(0, len(text), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@contextlib.contextmanager
def in_the_background(*sent: tuple[socket.socket, bytes]) -> Iterator[None]:
    """Sends while the block runs, and until all is sent or the connection is closed."""

    def send(client: socket.socket, data: bytes) -> None:
        with contextlib.suppress(OSError):
            client.sendall(data)

    threads = [threading.Thread(target=send, args=one, daemon=True) for one in sent]
    for thread in threads:
        thread.start()
    yield
    for client, _ in sent:
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join(60)


def longest_wait(server: Server, looks: int) -> float:
    """Asks /livez on one connection, over and over. Returns the longest wait in seconds."""
    waits = []
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=60)) as other:
        for _ in range(looks):
            begun = time.monotonic()
            other.request("GET", "/livez")
            assert other.getresponse().read()
            waits.append(time.monotonic() - begun)
    return max(waits)


def others_are_answered(server: Server, sent: bytes) -> bool:
    """Whether others never wait for a second while four clients send this.

    A busy machine may itself hold them up for as long, so it is tried three times.
    """
    for _ in range(3):
        with contextlib.ExitStack() as stack:
            slow = [stack.enter_context(connected(server)) for _ in range(4)]
            with in_the_background(*((one, sent) for one in slow)):
                if longest_wait(server, 100) < 1.0:
                    return True
    return False


def test_small_chunks_are_a_body_like_any_other(server: Server) -> None:
    text = b'{"instances": [' + b"1.0, " * 4000 + b"6.0]}"
    with connected(server) as client:
        client.sendall(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(text) + GET + b"Connection: close\r\n\r\n"
        )
        answers = all_of(client)
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert b"5.0\n    ]" in answers


def test_tiny_chunks_let_others_be_answered(server: Server) -> None:
    body = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 2_000_000
    assert others_are_answered(server, body)


def test_thousands_of_requests_at_once_let_others_be_answered(server: Server) -> None:
    assert others_are_answered(server, (GET + b"\r\n") * 100_000)


def test_requests_that_arrive_together_are_answered_in_order(server: Server) -> None:
    """More than are parsed in one turn."""
    numbers = range(900)
    requests = b"".join(b"GET /v1/models/m%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number for number in numbers)
    with connected(server) as client:
        client.sendall(requests + GET + b"Connection: close\r\n\r\n")
        answers = all_of(client)
    places = [answers.index(b"model m%d\\" % number if b"m0\\" in answers else b'm%d"' % number) for number in numbers]
    assert places == sorted(places)


def test_what_a_client_sent_before_it_ended_its_side_is_answered(server: Server) -> None:
    with connected(server) as client:
        client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b'{"instances": [1.0]}' + b" " * 50_000))
        client.shutdown(socket.SHUT_WR)
        assert all_of(client).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_client_that_goes_while_its_bytes_are_parsed_does_no_harm(server: Server) -> None:
    for _ in range(5):
        with connected(server) as client:
            client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 30_000)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert longest_wait(server, 1) < PATIENCE


def test_continue_is_answered_before_a_body_of_small_chunks(server: Server) -> None:
    with connected(server) as client:
        client.sendall(HEAD + b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(chunked(b'{"instances": [1.0]}' + b" " * 20_000))
        assert all_of(client).startswith(b"HTTP/1.1 200 OK\r\n")


@contextlib.contextmanager
def limited(model: Path, connections: int, **seconds: float) -> Iterator[Server]:
    limits = Limits(connections=connections)
    with serve(f"m={model}", rest_port="auto", limits=limits, timeouts=Timeouts(**seconds)) as running:
        assert running.wait_ready(60)
        yield running


def opened(server: Server, sent: bytes, count: int, stack: contextlib.ExitStack) -> list[socket.socket]:
    """Connections on which some bytes were sent."""
    clients = []
    for _ in range(count):
        clients.append(stack.enter_context(connected(server)))
        clients[-1].sendall(sent)
    return clients


def answer_of(client: socket.socket) -> bytes:
    client.sendall(GET + b"Connection: close\r\n\r\n")
    return all_of(client)


@pytest.mark.parametrize(
    "sent", [b"", GET, HEAD + b"Content-Length: 9\r\n\r\n{"], ids=["nothing", "half a head", "half a body"]
)
def test_connections_that_send_nothing_more_make_room(half_plus_two: Path, sent: bytes) -> None:
    with limited(half_plus_two, 10) as server, contextlib.ExitStack() as stack:
        opened(server, sent, 40, stack)
        for _ in range(20):
            with connected(server) as newcomer:
                assert answer_of(newcomer).startswith(b"HTTP/1.1 200 OK\r\n")


def test_the_oldest_connection_between_two_requests_is_closed_first(half_plus_two: Path) -> None:
    with limited(half_plus_two, 3) as server, contextlib.ExitStack() as stack:
        clients = opened(server, GET + b"\r\n", 3, stack)
        for client in clients:
            assert b"200 OK" in client.recv(65536)
        threading.Event().wait(0.05)  # the loop's clock counts milliseconds
        for client in (clients[0], clients[2]):  # the second one now has been idle for longest
            client.sendall(GET + b"\r\n")
            assert b"200 OK" in client.recv(65536)
        with connected(server) as newcomer:
            assert b"200 OK" in answer_of(newcomer)
        assert clients[1].recv(10) == b""
        for client in (clients[0], clients[2]):
            assert b"200 OK" in answer_of(client)


def test_calls_that_run_keep_their_connections_and_a_newcomer_is_told(
    half_plus_two: Path, gate: threading.Event
) -> None:
    with limited(half_plus_two, 3) as server, contextlib.ExitStack() as stack:
        server._endpoints.app.answer = held(server, gate)  # type: ignore[union-attr, method-assign]
        clients = opened(server, GET + b"Connection: close\r\n\r\n", 3, stack)
        wait_until(lambda: gate.asked == 3)  # type: ignore[attr-defined]
        with connected(server) as newcomer:
            answer = all_of(newcomer)
        assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"Retry-After: 1\r\n" in answer
        assert "too many connections" in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
        gate.set()
        for client in clients:
            assert b"200 OK" in all_of(client)


def test_the_request_of_a_client_that_has_gone_is_given_up(half_plus_two: Path, gate: threading.Event) -> None:
    """Clients at their time-out, and proxies whose client has gone, close a connection without resetting it."""
    with limited(half_plus_two, 3) as server:
        server._endpoints.app.answer = held(server, gate)  # type: ignore[union-attr, method-assign]
        with connected(server) as client:
            client.sendall(GET + b"\r\n")
            wait_until(lambda: gate.asked == 1)  # type: ignore[attr-defined]
        wait_until(lambda: not len(server._endpoints._http.connections))  # type: ignore[union-attr]


def test_a_client_that_only_ended_its_side_is_waited_for(half_plus_two: Path, gate: threading.Event) -> None:
    with limited(half_plus_two, 3) as server, connected(server) as client:
        server._endpoints.app.answer = held(server, gate)  # type: ignore[union-attr, method-assign]
        client.sendall(GET + b"\r\n")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(len(CONTINUE), socket.MSG_WAITALL) == CONTINUE
        readable, _, _ = select.select([client], [], [], 1.0)  # longer than it takes to notice that a client has gone
        assert not readable
        gate.set()
        answers = all_of(client)
        assert answers.startswith(b"HTTP/1.1 200 OK\r\n")
        assert CONTINUE not in answers


def test_a_client_of_http_1_0_that_ended_its_side_is_not_waited_for(half_plus_two: Path, gate: threading.Event) -> None:
    """It has no interim responses that could show whether it has gone."""
    with limited(half_plus_two, 3) as server, connected(server) as client:
        server._endpoints.app.answer = held(server, gate)  # type: ignore[union-attr, method-assign]
        client.sendall(GET.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n")
        wait_until(lambda: gate.asked == 1)  # type: ignore[attr-defined]
        client.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            assert all_of(client) == b""


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    event.asked = 0  # type: ignore[attr-defined]
    yield event
    event.set()


def held(server: Server, gate: threading.Event):  # type: ignore[no-untyped-def]
    """The application's `answer`, whose responses come when the gate is open."""
    app = server._endpoints.app  # type: ignore[union-attr]
    answer = app.answer

    def wait_and_answer(request):  # type: ignore[no-untyped-def]
        import asyncio

        gate.asked += 1  # type: ignore[attr-defined]
        loop = asyncio.get_running_loop()
        future = loop.create_future()

        def look() -> None:
            if not gate.is_set():
                loop.call_later(0.01, look)
            elif not future.done():
                future.set_result(answer(request))

        look()
        return future

    return wait_and_answer


def wait_until(condition) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.01)
