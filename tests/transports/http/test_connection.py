"""What a connection does when its client is slow, or silent, or gone."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.processes import freeze

from lightship.server import Server, serve
from lightship.transports.http.limits import Limits, Timeouts
from lightship.transports.http.request_parser import target_of

HEAD = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def server(half_plus_two: Path) -> Iterator[Server]:
    with serve(f"m={half_plus_two}", rest_port="auto") as running:
        assert running.wait_ready(60)
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) as connected:
        yield connected


def all_of(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


@contextlib.contextmanager
def client_of(model: Path, limits: Limits | None = None, **seconds: float) -> Iterator[socket.socket]:
    """A connection to a server of its own with these timeouts."""
    server = serve(f"m={model}", rest_port="auto", timeouts=Timeouts(**seconds), limits=limits or Limits())
    with server, socket.create_connection(("127.0.0.1", server.rest_port), timeout=30) as connected:
        assert server.wait_ready(60)
        yield connected


@pytest.fixture
def client_with_write_timeout(half_plus_two: Path) -> Iterator[socket.socket]:
    with client_of(half_plus_two, write=0.05) as client:
        yield client


@pytest.mark.parametrize("sent", [b"", b"ab"], ids=["before the first byte", "half-way"])
def test_a_client_that_stalls_in_a_body_is_given_up(half_plus_two: Path, sent: bytes) -> None:
    with client_of(half_plus_two, body=0.05, linger=0.05) as client:
        check_stalled(client, sent)


def check_stalled(client: socket.socket, sent: bytes) -> None:
    client.sendall(HEAD + b"Content-Length: 10\r\n\r\n" + sent)
    answer = all_of(client)
    assert answer.startswith(b"HTTP/1.1 504 Gateway Time-out\r\n")
    assert "0.05 seconds" in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


def test_a_head_that_does_not_end_is_given_up(half_plus_two: Path) -> None:
    with client_of(half_plus_two, head=0.5) as client:
        client.sendall(HEAD)
        assert all_of(client) == b""


def test_an_idle_connection_is_closed(half_plus_two: Path) -> None:
    with client_of(half_plus_two, idle=0.05) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert all_of(client).startswith(b"HTTP/1.1 200 OK\r\n")


PROGRAM = """
import sys
from lightship.server import serve
from lightship.transports.http.limits import Timeouts

with serve("m=" + sys.argv[1], rest_port="auto", timeouts=Timeouts(idle=1, head=1, body=1)) as server:
    print(server.wait_ready(60), server.rest_port, flush=True)
    sys.stdin.read()
"""


def test_what_came_while_the_server_stood_still_is_answered(half_plus_two: Path) -> None:
    body = b'{"instances": [2.0]}'
    request = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    command = [sys.executable, "-c", PROGRAM, half_plus_two]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(server.kill)
        assert server.stdout is not None
        ready, port = server.stdout.readline().split()
        assert ready == "True"
        idle, in_head, in_body = (
            stack.enter_context(socket.create_connection(("127.0.0.1", int(port)), timeout=60)) for _ in range(3)
        )
        idle.sendall(request)
        assert idle.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
        in_head.sendall(request[:50])
        in_body.sendall(request[:-5])
        threading.Event().wait(0.1)  # until these are read
        freeze(server.pid)
        for client, rest in ((idle, request), (in_head, request[50:]), (in_body, request[-5:])):
            client.sendall(rest)
        threading.Event().wait(1.5)
        os.kill(server.pid, signal.SIGCONT)
        for client in (idle, in_head, in_body):
            assert client.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_the_headers_of_a_request_have_a_limit(half_plus_two: Path) -> None:
    with client_of(half_plus_two, Limits(head=2000)) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 4000)
        answer = all_of(client)
    assert answer.startswith(b"HTTP/1.1 431 Client Error\r\n")
    assert b"2000 bytes" in answer


def test_a_connection_that_sends_too_many_requests_at_once_is_closed_after_those_that_are_waiting(
    half_plus_two: Path,
) -> None:
    with client_of(half_plus_two, Limits(pipelined=3)) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
        answers = all_of(client)
    assert answers.count(b"HTTP/1.1 200 OK") == 4  # one is answered, three wait
    assert answers.count(b"Connection: close") == 1


def test_a_client_that_takes_nothing_is_cut_off(client_with_write_timeout: socket.socket) -> None:
    client = client_with_write_timeout
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    body = b'{"instances": [' + b"1," * 999_999 + b"1]}"
    client.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert client.recv(16, socket.MSG_PEEK)
    with pytest.raises(ConnectionResetError):
        send_without_end(client)


def test_a_client_that_takes_an_answer_slowly_gets_it_whole(half_plus_two: Path) -> None:
    """Longer than what may pass without anything being taken."""
    with client_of(half_plus_two, write=2.0) as client:
        check_slow(client)


def check_slow(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
    body = b'{"instances": [' + b"1," * 2_999_999 + b"1]}"
    client.sendall(HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    received, begun = 0, 0.0
    while data := client.recv(1 << 18):
        received += len(data)
        begun = begun or time.monotonic()
        threading.Event().wait(begun + received / 4e6 - time.monotonic())
    assert received > 15_000_000
    assert time.monotonic() - begun > 2.5


def send_without_end(client: socket.socket) -> None:
    while client.send(HEAD):
        pass


def test_a_client_that_ends_its_side_is_still_answered(client: socket.socket) -> None:
    client.sendall(b"GET /v1/models/m HTTP/1.1\r\nHost: localhost\r\n\r\n")
    client.shutdown(socket.SHUT_WR)
    assert b"AVAILABLE" in all_of(client)


def test_an_upgrade_is_not_taken_up_and_the_connection_goes_on(client: socket.socket) -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"
    get = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"
    client.sendall(get + upgrade + b"\r\n" + get + b"Connection: close\r\n\r\n")
    assert all_of(client).count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize(
    "body",
    [
        b'Content-Length: 18\r\n\r\n{"instances": [1]}',
        b'Transfer-Encoding: chunked\r\n\r\n12\r\n{"instances": [1]}\r\n0\r\n\r\n',
    ],
    ids=["whole", "chunked"],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_the_body_of_a_request_that_asks_for_an_upgrade_is_its_body(
    client: socket.socket, body: bytes, step: int
) -> None:
    """As `curl --http2` sends it; and nothing of it is taken for a request."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sent = HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n" + body
    sent += b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    for start in range(0, len(sent), step):
        client.sendall(sent[start : start + step])
    answers = all_of(client)
    assert answers.count(b"HTTP/1.1 ") == answers.count(b"HTTP/1.1 200 OK") == 2
    assert b'"predictions": [2.5' in answers


def test_an_upgrade_does_not_hide_a_framing_that_is_refused(client: socket.socket) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: gzip\r\n\r\n"
    client.sendall(HEAD + upgrade + b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answers = all_of(client)
    assert answers.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answers.count(b"HTTP/1.1 ") == 1


def test_a_refused_request_with_a_faulty_body_is_answered_once(client: socket.socket) -> None:
    client.sendall(b"POST http:// HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nnot a chunk")
    answer = all_of(client)
    assert answer.count(b"HTTP/1.1") == 1
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_a_refused_request_with_a_faulty_body_waits_for_its_turn(client: socket.socket) -> None:
    faulty = b"POST http:// HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nnot a chunk"
    client.sendall(b"GET /v1/models/m HTTP/1.1\r\nHost: localhost\r\n\r\n" + faulty)
    answers = all_of(client)
    assert answers.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answers.count(b"HTTP/1.1 400") == 1


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n12\r\n" + b'{"instances": [1]}' + b"\r\n"


def test_trailers_change_nothing(client: socket.socket) -> None:
    client.sendall(CHUNKED + b"0\r\nContent-Type: image/jpeg\r\nContent-Encoding: gzip\r\n\r\n")
    client.shutdown(socket.SHUT_WR)
    assert all_of(client).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("trailers", [b"A: " + b"b" * 1_000_000, b"A: b\r\n" * 100_000], ids=["one", "many"])
def test_trailers_without_end_are_refused(client: socket.socket, trailers: bytes) -> None:
    client.sendall(CHUNKED + b"0\r\n")
    send_as_far_as_it_goes(client, trailers)
    assert client.recv(65536).startswith(b"HTTP/1.1 431 Client Error\r\n")


def send_as_far_as_it_goes(client: socket.socket, data: bytes) -> None:
    for start in range(0, len(data), 16384):
        client.sendall(data[start : start + 16384])
        client.settimeout(0.02)
        with contextlib.suppress(TimeoutError):
            if client.recv(1, socket.MSG_PEEK):
                break
        client.settimeout(60)
    client.settimeout(60)


def test_what_is_refused_is_answered_before_what_follows_it_ends_the_connection(half_plus_two: Path) -> None:
    with (
        serve(f"m={half_plus_two}", rest_port="auto", limits=Limits(json=10)) as small,
        socket.create_connection(("127.0.0.1", small.rest_port), timeout=60) as client,
    ):
        client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n10\r\n" + bytes(16) + b"\r\nno chunk\r\n")
        assert all_of(client).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (b"/v1/models/a?b=c#d", "/v1/models/a?b=c#d"),
        (b"http://host:80/v1/models/a?b#c", "/v1/models/a?b#c"),
        (b"http://host", "/"),
        (b"*", "*"),
        (b"host:443", "host:443"),
    ],
)
def test_targets(url: bytes, target: str) -> None:
    assert target_of(url) == target
