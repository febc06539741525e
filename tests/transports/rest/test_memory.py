"""The memory budget over REST: what does not fit is refused, and every ending of a request gives its memory back."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightship.memory_budget import MemoryBudget
from lightship.server import Server, serve
from lightship.transports.http.limits import Timeouts

HEAD = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: localhost\r\n"
CLOSE = b"Connection: close\r\n"
BUDGET = 64 << 20


def numbers(count: int) -> bytes:
    return b'{"instances": [' + b"1.5," * (count - 1) + b"1.5]}"


def post(body: bytes, *headers: bytes) -> bytes:
    return HEAD + b"".join(header + b"\r\n" for header in headers) + b"Content-Length: %d\r\n\r\n" % len(body) + body


def npy(count: int) -> bytes:
    """A request with an array whose answer has as many bytes."""
    file = io.BytesIO()
    np.save(file, np.zeros(count, np.float32))
    return post(file.getvalue(), b"Content-Type: application/x-npy", b"Accept: application/x-npy")


def budget_of(server: Server) -> MemoryBudget:
    return server._endpoints.app.budget  # type: ignore[union-attr]


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.005)


def wait_until_free(server: Server) -> None:
    wait_until(lambda: budget_of(server).taken == 0)


@contextlib.contextmanager
def serving(model: Path, **options: Any) -> Iterator[Server]:
    with serve(f"m={model}", rest_port="auto", **({"memory_budget": BUDGET} | options)) as running:
        assert running.wait_ready(60)
        yield running


@pytest.fixture(scope="module")
def server(half_plus_two: Path) -> Iterator[Server]:
    with serving(half_plus_two) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_stays(server: Server) -> Iterator[None]:
    yield
    wait_until_free(server)


def connected(server: Server, receive_bytes: int = 0) -> socket.socket:
    client = socket.socket()
    if receive_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.settimeout(60)
    client.connect(("127.0.0.1", server.rest_port))
    return client


def all_of(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


def asked(server: Server, request: bytes) -> tuple[int, bytes, Any]:
    """The status, the head and the document of the answer to a request that closes its connection."""
    with connected(server) as client:
        client.sendall(request)
        head, _, body = all_of(client).partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), head, json.loads(body)


def test_the_declared_size_is_refused_before_any_of_the_body_is_read(server: Server) -> None:
    with connected(server) as client:
        client.sendall(HEAD + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % (BUDGET + 1))
        answer = all_of(client)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert f"{BUDGET + 1} bytes of memory; the memory budget of all requests is {BUDGET} bytes" in answer.decode()


def test_what_does_not_fit_now_gets_503_and_when_to_try_again(server: Server) -> None:
    with budget_of(server).reservation() as other:
        other.grow(BUDGET - (1 << 20))
        status, head, document = asked(server, post(numbers(1 << 20), CLOSE.strip()))
        assert status == 503
        assert b"\r\nRetry-After: 1" in head
        assert "--memory-budget" in document["error"]
        assert asked(server, post(numbers(3), CLOSE.strip()))[0] == 200  # others are answered
    assert asked(server, post(numbers(100_000), CLOSE.strip()))[0] == 200


def test_a_chunked_body_is_refused_when_it_exceeds_the_budget(server: Server) -> None:
    chunk = b"%x\r\n" % (1 << 20) + b" " * (1 << 20) + b"\r\n"
    with connected(server) as client:
        client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(80):
                client.sendall(chunk)
        assert client.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_the_file_of_a_form_is_counted_beside_the_form(server: Server) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + bytes(40 << 20) + b"\r\n--x--\r\n"
    status, _, document = asked(server, post(form, CLOSE.strip(), b"Content-Type: multipart/form-data; boundary=x"))
    assert status == 413
    assert f"the memory budget of all requests is {BUDGET} bytes" in document["error"]


def test_a_gzip_body_is_refused_while_it_is_inflated(server: Server) -> None:
    body = gzip.compress(b" " * (200 << 20))
    status, _, document = asked(server, post(body, CLOSE.strip(), b"Content-Encoding: gzip"))
    assert status == 413
    assert str(BUDGET) in document["error"]


def test_a_gzip_body_of_many_members_is_read_in_linear_time(server: Server) -> None:
    member = gzip.compress(b" ")
    body = member * 50_000 + gzip.compress(numbers(3))
    assert asked(server, post(body, CLOSE.strip(), b"Content-Encoding: gzip"))[0] == 200


@pytest.mark.parametrize("part", [b'[{"":1},', b"[", b'{"":', b"[],", b"{},", b'"a",'])
def test_json_is_refused_if_its_objects_would_exceed_the_budget(server: Server, part: bytes) -> None:
    body = b'{"instances": [' + part * ((6 << 20) // len(part))
    assert asked(server, post(body, CLOSE.strip()))[0] == 413


def test_a_tensor_that_must_be_copied_is_counted(server: Server) -> None:
    file = io.BytesIO()
    np.save(file, np.zeros(10 << 20, ">f4"))
    assert asked(server, post(file.getvalue(), CLOSE.strip(), b"Content-Type: application/x-npy"))[0] == 413


def test_an_answer_that_does_not_fit_is_refused_before_it_is_written(server: Server) -> None:
    file = io.BytesIO()
    np.save(file, np.zeros(2 << 20, np.float32))  # 8 MB, which become 16 MB of outputs and of their text
    status, _, document = asked(server, post(file.getvalue(), CLOSE.strip(), b"Content-Type: application/x-npy"))
    assert status == 413
    assert "--memory-budget" in document["error"]


@pytest.mark.parametrize(
    "request_bytes",
    [
        post(numbers(100_000), CLOSE.strip()),
        post(b"[" * 5000, CLOSE.strip()),
        post(b"not gzip" * 1000, CLOSE.strip(), b"Content-Encoding: gzip"),
        post(b"no image" * 1000, CLOSE.strip(), b"Content-Type: image/png"),
        post(b"no npy" * 1000, CLOSE.strip(), b"Content-Type: application/x-npy"),
        post(numbers(100_000).replace(b":", b"", 1), CLOSE.strip()),
        HEAD.replace(b":predict", b":classify") + CLOSE + b"Content-Length: 5000\r\n\r\n" + b" " * 5000,
    ],
    ids=["success", "brackets", "gzip", "image", "npy", "no json", "classify"],
)
def test_an_answered_request_gives_its_memory_back(server: Server, request_bytes: bytes) -> None:
    with connected(server) as client:
        client.sendall(request_bytes)
        assert all_of(client).startswith(b"HTTP/1.1 ")
    wait_until_free(server)


@pytest.mark.parametrize(
    "begun",
    [
        b"POST /v1/models/m:predict HTTP/1.1\r\nHo",
        HEAD + b"A: b\r\n" * 500,
        HEAD + b"Content-Length: 1000\r\n\r\nabc",
        HEAD + b"Content-Length: 1000000\r\n\r\n" + b" " * 500_000,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
    ],
    ids=["line", "headers", "small body", "large body", "chunk"],
)
def test_an_unfinished_request_is_counted_until_its_client_goes(server: Server, begun: bytes) -> None:
    with connected(server) as client:
        client.sendall(begun)
        wait_until(lambda: budget_of(server).taken > 0)
    wait_until_free(server)


def test_unfinished_requests_are_refused_when_the_budget_is_full(server: Server) -> None:
    with budget_of(server).reservation() as other:
        other.grow(BUDGET)
        for begun in (b"GET / HT", HEAD + b"Content-Length: 10\r\n\r\nabc"):
            with connected(server) as client:
                client.sendall(begun)
                assert all_of(client).startswith(b"HTTP/1.1 503 ")


def test_requests_that_wait_behind_another_are_counted(half_plus_two: Path) -> None:
    with serving(half_plus_two, threads=1) as server, connected(server) as client:
        client.sendall(post(numbers(300_000)) + b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" * 900)
        wait_until(lambda: budget_of(server).taken > 900 * 100)
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert all_of(client).count(b"HTTP/1.1 200 OK") == 902
        wait_until_free(server)


def test_a_request_that_is_refused_behind_another_keeps_its_reason(server: Server) -> None:
    chunk = b"%x\r\n" % (1 << 20) + b" " * (1 << 20) + b"\r\n"
    with connected(server) as client:
        client.sendall(post(numbers(100_000)) + HEAD + b"Content-Length: %d\r\n\r\n" % (BUDGET + 1))
        answers = all_of(client)
        assert answers.startswith(b"HTTP/1.1 200 ")
        assert answers.count(b"HTTP/1.1 413 ") == 1
    with connected(server) as client:
        client.sendall(post(numbers(3)) * 2 + HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(80):
                client.sendall(chunk)
        assert b"HTTP/1.1 413 " in all_of_broken(client)


def all_of_broken(client: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionError):
        while data := client.recv(65536):
            received += data
    return received


def test_a_client_that_leaves_while_its_request_waits_or_runs_leaves_nothing(half_plus_two: Path) -> None:
    with serving(half_plus_two, threads=1) as server:
        clients = [connected(server) for _ in range(4)]
        for client in clients:
            client.sendall(post(numbers(300_000)))
        wait_until(lambda: budget_of(server).taken > 4 * 300_000)
        for client in clients:
            client.close()
        wait_until_free(server)
        assert asked(server, post(numbers(3), CLOSE.strip()))[0] == 200


def test_a_request_that_times_out_is_counted_until_its_thread_has_finished(half_plus_two: Path) -> None:
    with serving(half_plus_two, threads=1, timeout_seconds=0.001, memory_budget=1 << 30) as server:
        with connected(server) as client:
            client.sendall(post(numbers(3_000_000)))
            assert client.recv(65536).startswith(b"HTTP/1.1 504 ")
            assert budget_of(server).taken > 0 or server._endpoints.executor.unfinished == 0  # type: ignore[union-attr]
            client.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
        wait_until_free(server)


def test_an_answer_is_counted_until_its_client_has_taken_it(server: Server) -> None:
    with connected(server, receive_bytes=4096) as client:
        client.sendall(npy(2 << 20))
        assert client.recv(10) == b"HTTP/1.1 2"
        assert budget_of(server).taken > 1 << 20
        left = (8 << 20) - 65536
        while left > 0:
            left -= len(client.recv(1 << 20))
        wait_until_free(server)


def test_an_answer_that_its_client_does_not_take_is_given_up(half_plus_two: Path) -> None:
    with serving(half_plus_two, timeouts=Timeouts(write=0.05)) as server, connected(server, 4096) as client:
        client.sendall(npy(2 << 20))
        assert client.recv(10) == b"HTTP/1.1 2"
        wait_until_free(server)


def test_small_answers_that_are_not_taken_are_counted_and_stop_the_connection(server: Server) -> None:
    with connected(server, receive_bytes=4096) as client:
        client.settimeout(2)
        with contextlib.suppress(TimeoutError):
            for _ in range(3000):  # 3 KB each, with answers of 10 KB: more than the sockets hold
                client.sendall(post(numbers(800)))
        wait_until(lambda: budget_of(server).taken > 0)
    wait_until_free(server)


def test_a_drain_leaves_nothing(half_plus_two: Path) -> None:
    with serving(half_plus_two, threads=1) as server:
        clients = [connected(server) for _ in range(3)]
        for client in clients:
            client.sendall(post(numbers(300_000)))
        wait_until(lambda: budget_of(server).taken > 0)
        server.stop()
        wait_until_free(server)
        for client in clients:
            assert all_of(client).startswith(b"HTTP/1.1 200 ")
            client.close()
