"""What one client of gRPC may do to the others: nothing. Each attack runs beside a client that calls all the time."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.server.grpc_attacker import (
    CONTINUATION,
    DATA,
    FLOODS,
    HEADERS,
    MESSAGE,
    PLAIN,
    SETTINGS,
    WINDOW_UPDATE,
    Attacker,
    u32,
)
from tests.server.grpc_process import PREDICT, GrpcProcess, eventually, grpc_process, request, values_of
from tests.server.http2 import PREFACE, Http2, frame, message
from tests.transports.http2.wire import END_HEADERS, Client

from lightship.transports.http2.headers import encode_headers

ROOT = Path(__file__).parents[2]
WAIT = 2.0  # seconds that another client may wait on a machine with other work; alone, it is far below 1
SECONDS = 2.0  # of each attack


@pytest.fixture(scope="module")
def server(half_plus_two: Path) -> Iterator[GrpcProcess]:
    with grpc_process(f"m={half_plus_two}") as process:
        assert process.predict() == [3.0]
        yield process
        assert process.popen.poll() is None
        assert "Traceback" not in process.text, process.text


@contextmanager
def other_client(server: GrpcProcess) -> Iterator[None]:
    """Calls all the time, and fails if one call takes too long."""
    stop, longest = threading.Event(), [0.0]

    def call() -> None:
        with server.channel() as channel:
            ask = channel.unary_unary(PREDICT)
            while not stop.is_set():
                start = time.monotonic()
                assert values_of(ask(request(), timeout=60)) == [3.0]
                longest[0] = max(longest[0], time.monotonic() - start)

    calling = threading.Thread(target=call)
    calling.start()
    try:
        yield
    finally:
        stop.set()
        calling.join(60)
    assert not calling.is_alive()
    assert longest[0] < WAIT


def attack(server: GrpcProcess, flood: str) -> int:
    """Floods the server from another process. Returns how often it was thrown out."""
    words = [sys.executable, "-m", "tests.server.grpc_attacker", str(server.port), flood, str(SECONDS)]
    return int(subprocess.run(words, check=True, capture_output=True, text=True, cwd=ROOT, timeout=60).stdout)


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_is_stopped_and_holds_nobody_up(server: GrpcProcess, flood: str) -> None:
    before = server.resident_megabytes
    with other_client(server):
        assert attack(server, flood) > 0
    assert eventually(lambda: server.resident_megabytes < before + 100), (before, server.resident_megabytes)


def test_windows_that_stay_closed_hold_nobody_up(server: GrpcProcess) -> None:
    before = server.resident_megabytes
    clients = [Http2(server.port, takes=False, settings={4: 0}) for _ in range(10)]
    with other_client(server):
        for client in clients:
            for _ in range(50):
                client.send(client.start(), MESSAGE)
        time.sleep(0.1)
        assert server.predict() == [3.0]
    assert server.resident_megabytes < before + 100
    for client in clients:
        client.vanish()


def test_windows_that_grow_byte_by_byte_hold_nobody_up(server: GrpcProcess) -> None:
    one = frame(HEADERS, 4, 1, PLAIN) + frame(DATA, 1, 1, message(request([2.0] * 3000)))
    hello = PREFACE + frame(SETTINGS, 0, 0, b"\0\4" + u32(0)) + one
    with other_client(server):
        Attacker(server.port, hello).run(lambda _: frame(WINDOW_UPDATE, 0, 1, u32(1)) * 500, SECONDS)


def test_two_thousand_idle_streams_cost_no_thread_and_hold_nobody_up(server: GrpcProcess) -> None:
    assert server.predict() == [3.0]
    threads, before = server.threads, server.resident_megabytes
    clients = [Http2(server.port) for _ in range(4)]
    with other_client(server):
        for client in clients:
            for _ in range(500):
                client.start()
        assert server.predict() == [3.0]
    assert eventually(lambda: server.threads <= threads + 1)  # one that ran a call ends when it has nothing to do
    assert server.resident_megabytes < before + 50
    for client in clients:
        client.vanish()


def test_idle_streams_with_many_headers_take_little_memory(server: GrpcProcess) -> None:
    """One byte stands for a header that is in HPACK's table."""
    assert server.predict() == [3.0]
    before = server.resident_megabytes
    clients = [Client(server.port) for _ in range(3)]
    for client in clients:
        client.settings_of_server()
        for number in range(1, 2000, 2):
            block = PLAIN + encode_headers([(b"q", b"%d" % number)]) + b"\x90" * 240  # accept-encoding: gzip, deflate
            client.send(frame(HEADERS, END_HEADERS, number, block))
        client.ping()
        assert not client.closed
    assert server.resident_megabytes < before + 25
    assert server.predict() == [3.0]
    for client in clients:
        client.socket.close()


def test_slow_headers_on_many_connections_hold_nobody_up(server: GrpcProcess) -> None:
    connections = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(300)]
    with other_client(server):
        for connection in connections:
            connection.sendall(PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, 0, 1, PLAIN[:1]))
        for byte in PLAIN[1:4]:
            for connection in connections:
                connection.sendall(frame(CONTINUATION, 0, 1, bytes([byte])))
    for connection in connections:
        connection.close()


def test_a_message_in_frames_of_one_byte_holds_nobody_up(server: GrpcProcess) -> None:
    whole = message(request([2.0] * 20_000))
    frames = b"".join(frame(DATA, 0, 1, bytes([byte])) for byte in whole) + frame(DATA, 1, 1)
    with other_client(server), Http2(server.port) as client:
        stream = client.start()
        client.raw(frames)
        assert values_of(client.answer(stream).message) == [3.0] * 20_000


@pytest.mark.skipif(shutil.which("h2load") is None, reason="needs h2load (Debian's nghttp2-client)")
def test_h2load_and_nghttp_are_answered(server: GrpcProcess, tmp_path: Path) -> None:
    body = tmp_path / "message"
    body.write_bytes(MESSAGE)
    url = f"http://127.0.0.1:{server.port}{PREDICT}"
    headers = ["-H", "content-type: application/grpc", "-H", "te: trailers", "-d", str(body), url]
    load = ["h2load", "-n2000", "-c4", "-m10", *headers]
    text = subprocess.run(load, check=True, capture_output=True, text=True, timeout=120).stdout
    assert "2000 succeeded, 0 failed, 0 errored" in text
    assert "2000 2xx" in text
    seen = subprocess.run(["nghttp", "-v", *headers], check=True, capture_output=True, timeout=60).stdout
    assert b"grpc-status: 0" in seen
