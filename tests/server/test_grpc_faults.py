"""What is wrong on the wire harms nobody but who sent it: wrong frames, messages and headers, clients that vanish."""

from __future__ import annotations

import gzip
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import choices

import grpc
import pytest
from tests.server.grpc_process import PREDICT, GrpcProcess, eventually, grpc_process, request, values_of
from tests.server.http2 import PREFACE, Http2, frame, message

DATA, HEADERS, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 8, 9
DEADLINE_EXCEEDED = 4
HELLO = PREFACE + frame(SETTINGS, 0, 0)


@pytest.fixture(scope="module")
def server(half_plus_two: Path) -> Iterator[GrpcProcess]:
    with grpc_process(f"m={half_plus_two}") as process:
        assert process.predict() == [3.0]
        yield process
        assert process.popen.poll() is None
        assert "Traceback" not in process.text


def sent(server: GrpcProcess, data: bytes) -> None:
    """Sends bytes and says that they are all; returns when the server has ended the connection too."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client, suppress(OSError):
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        b"nonsense" * 10,
        HELLO + frame(DATA, 1, 0, b"x"),
        HELLO + frame(SETTINGS, 0, 0, b"12345"),
        HELLO + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 2**31)),
        HELLO + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 2**31 - 1)),
        HELLO + frame(PING, 0, 0, b"short"),
        HELLO + frame(CONTINUATION, 4, 1, b""),
        HELLO + frame(HEADERS, 5, 1, b"\xff\xff\xff\xff\xff\xff\xff\xff"),
        HELLO + frame(HEADERS, 5, 0, b""),
        HELLO + frame(DATA, 1, 1, b"", length=2**24 - 1),
    ],
    ids=[
        *("HTTP/1.1", "TLS", "nonsense", "data on stream 0", "settings of 5 bytes", "a window beyond 2^31 in settings"),
        *("a window beyond 2^31", "ping of 5 bytes", "a continuation of nothing", "headers that are none"),
        *("headers on stream 0", "a frame of 16 MB"),
    ],
)
def test_a_connection_that_breaks_the_protocol_harms_no_other(server: GrpcProcess, data: bytes) -> None:
    sent(server, data)
    assert server.predict() == [3.0]


@pytest.mark.parametrize(
    "data",
    [
        frame(0xEE, 0, 0, b"whatever"),
        frame(PING, 0, 0, b"12345678"),
        frame(SETTINGS, 0, 0, struct.pack(">HI", 0xBEEF, 1)),
        frame(2, 0, 1, struct.pack(">IB", 0, 16)),
    ],
    ids=["unknown kind", "ping", "unknown setting", "priority"],
)
def test_frames_that_mean_nothing_are_passed_over(server: GrpcProcess, data: bytes) -> None:
    with Http2(server.port) as client:
        client.raw(data)
        assert values_of(client.ask(message(request())).message) == [3.0]


WHOLE = message(request())


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (b"", {}),
        (WHOLE[:3], {}),
        (WHOLE[:-1], {}),
        (message(request(), compressed=True), {}),
        (message(b"no gzip", compressed=True), {"grpc-encoding": "gzip"}),
        (message(gzip.compress(request(), mtime=0)[:-9], compressed=True), {"grpc-encoding": "gzip"}),
        (message(request(), compressed=True), {"grpc-encoding": "zstd"}),
        (b"\x02" + WHOLE[1:], {}),
        (message(b"\xff\xff"), {}),
    ],
    ids=[
        *("no message", "half a length", "half a message", "compressed by nothing"),
        *("no gzip", "half a gzip", "unknown compression", "unknown flag", "no protobuf"),
    ],
)
def test_a_message_that_is_none_fails_its_call_alone(server: GrpcProcess, data: bytes, headers: dict[str, str]) -> None:
    before = server.resident_megabytes
    with Http2(server.port) as client:
        answer = client.ask(data, list(headers.items()))
        assert answer.status != 0
        assert answer.over
        assert values_of(client.ask(WHOLE).message) == [3.0]
    assert server.resident_megabytes < before + 100


def test_compressed_messages_are_read_and_answers_are_not_compressed(server: GrpcProcess) -> None:
    with Http2(server.port) as client:
        headers = [("grpc-encoding", "gzip"), ("grpc-accept-encoding", "identity,deflate,gzip")]
        answer = client.ask(message(gzip.compress(request()), compressed=True), headers)
        assert values_of(answer.message) == [3.0]
        assert answer.headers.get("grpc-encoding", "identity") == "identity"


@pytest.mark.parametrize(
    ("replaced", "answered"),
    [
        ({":method": "GET"}, None),
        ({":path": "no-path"}, False),
        ({":path": "/" + "x" * 5000}, False),
        ({":path": None}, False),
        ({"content-type": "text/plain"}, None),
        ({"content-type": None}, None),
        ({"te": None}, None),
    ],
    ids=["GET", "no slash", "a long path", "no path", "text/plain", "no content type", "no te"],
)
def test_wrong_headers_end_their_call(
    server: GrpcProcess, replaced: dict[str, str | None], answered: bool | None
) -> None:
    """Some leave those that change nothing in peace."""
    with Http2(server.port) as client:
        answer = client.ask(WHOLE, replaced=replaced)
        assert answer.over or client.closed
        assert answered is None or (answer.status == 0) is answered
    assert server.predict() == [3.0]


def test_oversized_headers_are_refused(server: GrpcProcess) -> None:
    metadata = [(f"x-{number}", "v" * 1000) for number in range(20)]
    with server.channel() as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(PREDICT)(request(), metadata=metadata, timeout=60)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_flood_of_headers_takes_no_memory(server: GrpcProcess) -> None:
    before = server.resident_megabytes
    with Http2(server.port) as client:
        answer = client.ask(WHOLE, [(f"x-{number}", "".join(choices("abcdefgh", k=10_000))) for number in range(300)])
        assert answer.over or client.closed
    assert server.predict() == [3.0]
    assert server.resident_megabytes < before + 50


@pytest.mark.parametrize("timeout", ["", "1", "S", "-1S", "999999999999S", "1x"])
def test_a_deadline_that_is_none_harms_nobody(server: GrpcProcess, timeout: str) -> None:
    with Http2(server.port) as client:
        answer = client.ask(WHOLE, [("grpc-timeout", timeout)])
        assert answer.over or client.closed
    assert server.predict() == [3.0]


def test_a_deadline_is_kept_by_the_server_too(server: GrpcProcess) -> None:
    """A client that does not look at the clock is told so."""
    with Http2(server.port) as client:
        stream = client.start(headers=[("grpc-timeout", "200m")])
        client.send(stream, WHOLE[:-1], end=False)
        answer = client.answer(stream)
        assert answer.status == DEADLINE_EXCEEDED
        assert answer.text == "Deadline Exceeded"


def test_a_request_that_comes_byte_by_byte_is_answered(server: GrpcProcess) -> None:
    with Http2(server.port) as client:
        stream = client.start()
        for byte in WHOLE:
            client.send(stream, bytes([byte]), end=False)
        client.send(stream, b"")
        assert values_of(client.answer(stream).message) == [3.0]


def test_clients_that_vanish_leave_nothing_behind(server: GrpcProcess) -> None:
    assert server.predict() == [3.0]
    files = server.open_files
    clients = [Http2(server.port) for _ in range(100)]
    for number, client in enumerate(clients):
        stream = client.start()
        client.send(stream, WHOLE if number % 2 else WHOLE[:-3], end=bool(number % 2))
    for client in clients:
        client.vanish()
    assert eventually(lambda: server.open_files <= files + 2), (files, server.open_files)
    assert server.predict() == [3.0]


def test_a_storm_of_connections_passes(server: GrpcProcess) -> None:
    files = server.open_files
    for _ in range(3):
        storm = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(300)]
        for number, connection in enumerate(storm):
            if number % 3:
                connection.sendall(HELLO[: 5 * number])
        assert server.predict() == [3.0]
        for connection in storm:
            connection.close()
    assert eventually(lambda: server.open_files <= files + 2), (files, server.open_files)


def test_streams_opened_and_reset_at_once_are_withstood(server: GrpcProcess) -> None:
    """Each costs the client one frame more than the server's work."""
    before = server.resident_megabytes
    with Http2(server.port) as client:
        for _ in range(2000):
            if client.closed or client.goaway is not None:
                break
            stream = client.start()
            client.h2.send_data(stream, WHOLE, end_stream=True)
            client.h2.reset_stream(stream, 8)
            client.flush()
    assert eventually(server.answers)
    assert server.resident_megabytes < before + 100
