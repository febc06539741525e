"""Clients that cost more than they may, are too slow, or must go."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hyperframe.frame import DataFrame, GoAwayFrame, PingFrame, RstStreamFrame
from tests.processes import freeze
from tests.server.certificates import issue, make_authority
from tests.server.grpc_process import eventually
from tests.transports.http2.wire import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PATIENCE,
    PING,
    PREFACE,
    PRIORITY,
    REQUEST,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Client,
    EchoServer,
    echo_server,
    setting,
)

from lightship.errors import InvalidArgument
from lightship.server.config.tls import read_tls
from lightship.transports.grpc.tls import server_context
from lightship.transports.http2.frames import DEFAULT_WINDOW, ErrorCode, Setting, frame
from lightship.transports.http2.options import Http2Limits, Http2Options, Http2Timeouts, PingPolicy

HOLD = [*REQUEST[:2], (":path", "/hold")]
LARGE = [*REQUEST[:2], (":path", "/large")]
CALM = ErrorCode.ENHANCE_YOUR_CALM


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


@pytest.fixture(scope="module")
def strict() -> Iterator[EchoServer]:
    limits = Http2Limits(
        streams=10,
        resets=100,
        pings=100,
        settings=20,
        window_updates=1000,
        idle_frames=100,
        header_bytes=10_000,
    )
    with echo_server(Http2Options(limits, pings=PingPolicy(strikes=0))) as server:
        yield server


@pytest.mark.parametrize(
    "one",
    [
        frame(PING, 0, 0, bytes(8)),
        frame(PING, ACK, 0, bytes(8)),
        frame(SETTINGS, 0, 0),
        frame(SETTINGS, ACK, 0),
        frame(WINDOW_UPDATE, 0, 0, u32(1)),
        frame(WINDOW_UPDATE, 0, 1, u32(1)),
        frame(PRIORITY, 0, 3, bytes(5)),
        frame(DATA, 0, 1),
        frame(DATA, 8, 1, b"\x05" + bytes(5)),
        frame(0xEE, 0, 0),
    ],
    ids=[
        *("pings", "answers to pings", "settings", "answers to settings", "windows", "a stream's windows"),
        *("priorities", "empty data", "padding alone", "unknown frames"),
    ],
)
def test_a_flood_of_frames_ends_the_connection(strict: EchoServer, one: bytes) -> None:
    with Client(strict.port) as client, Client(strict.port) as other:
        client.headers(1, HOLD, end=False)
        client.send(one * 1100)
        assert client.goaway() is CALM
        other.headers(1)
        assert other.answer(1) == b""


def test_streams_that_are_reset_at_once_end_the_connection(strict: EchoServer) -> None:
    before = strict.echo.opened
    with Client(strict.port) as client:
        for number in range(1, 5001, 2):
            client.headers(number, HOLD)
            client.send(frame(RST_STREAM, 0, number, u32(8)))
        assert client.goaway() is CALM
    assert strict.echo.opened <= before + 101


def test_streams_that_the_server_must_reset_end_the_connection(strict: EchoServer) -> None:
    with Client(strict.port) as client:
        for number in range(1, 5001, 2):
            client.headers(number, HOLD, end=False)
            client.send(frame(WINDOW_UPDATE, 0, number, u32(0)))
        assert client.goaway() is CALM


def test_streams_beyond_the_allowed_ones_end_the_connection(strict: EchoServer) -> None:
    with Client(strict.port) as client:
        for number in range(1, 5001, 2):
            client.headers(number, HOLD)
        assert client.goaway() is CALM


def test_new_headers_are_limited_and_known_ones_are_not(strict: EchoServer) -> None:
    with Client(strict.port) as client:
        for number in range(1, 2001, 2):
            client.headers(number)
            client.answer(number)
    with Client(strict.port) as client:
        for number in range(1, 401, 2):
            client.headers(number, [*HOLD, ("x", f"{number}" * 50)])
        assert client.goaway() is CALM


def test_a_header_block_without_end_ends_the_connection(strict: EchoServer) -> None:
    with Client(strict.port) as client:
        client.send(frame(HEADERS, END_STREAM, 1, b"\x82"))
        client.send(frame(CONTINUATION, 0, 1) * 100)
        assert client.goaway() is CALM
    with Client(strict.port) as client:
        client.send(frame(HEADERS, END_STREAM, 1, b"\x82"))
        client.send(frame(CONTINUATION, 0, 1, bytes(16384)) * 5)
        assert client.goaway() is CALM


def test_header_blocks_that_are_not_complete_are_counted_and_refused_when_there_is_no_memory() -> None:
    with echo_server() as server:
        budget = server.echo.budget
        with Client(server.port) as client:
            client.headers(1, flags=0)
            client.send(frame(CONTINUATION, 0, 1, bytes(10_000)))
            assert eventually(lambda: budget.taken >= 10_000)
        assert eventually(lambda: budget.taken == 0)
        with Client(server.port) as client, budget.reservation() as other:
            client.headers(1, flags=0)
            assert eventually(lambda: 0 < budget.taken < 100_000)
            other.grow(budget.size - budget.taken)
            client.send(frame(CONTINUATION, 0, 1, bytes(16_384)) * 2)
            assert client.goaway() is ErrorCode.ENHANCE_YOUR_CALM
            assert eventually(lambda: budget.taken == other.counted)
        with Client(server.port) as client:
            client.headers(1, flags=0)
            client.send(frame(CONTINUATION, END_HEADERS, 1, b""))
            assert client.answer(1) == b""
            assert eventually(lambda: budget.taken == 0)


def test_pings_are_answered_as_often_as_grpc_allows() -> None:
    with echo_server() as server, Client(server.port) as client:
        for number in range(3):
            client.ping(b"number %d" % number)
        client.send(frame(PING, 0, 0, bytes(8)))
        assert client.goaway() is CALM
        assert client.of(GoAwayFrame)[-1].additional_data == b"too_many_pings"


def test_an_answer_allows_further_pings() -> None:
    with echo_server() as server, Client(server.port) as client:
        for number in range(10):
            client.headers(2 * number + 1)
            client.answer(2 * number + 1)
            client.ping(b"number %d" % number)


def test_thousands_of_frames_that_come_at_once_are_all_read_before_the_end_of_the_client() -> None:
    with echo_server(Http2Options(Http2Limits(idle_frames=1 << 20))) as server, Client(server.port) as client:
        client.headers(1, end=False)
        client.send(frame(DATA, 0, 1, b"x") * 5000 + frame(DATA, 1, 1))
        client.socket.shutdown(socket.SHUT_WR)
        assert client.answer(1) == b"x" * 5000


def test_a_part_of_an_answer_allows_further_pings() -> None:
    """Clients of gRPC measure with pings how fast they receive."""
    with echo_server() as server, Client(server.port) as client:
        client.headers(1, LARGE)
        for number in range(10):
            received = sum(len(one.data) for one in client.of(DataFrame))
            client.until(lambda received=received: sum(len(one.data) for one in client.of(DataFrame)) > received)  # type: ignore[misc]
            client.ping(b"number %d" % number)
            client.send(frame(WINDOW_UPDATE, 0, 0, u32(20_000)) + frame(WINDOW_UPDATE, 0, 1, u32(20_000)))
        assert not client.of(GoAwayFrame)


def test_a_client_that_takes_nothing_is_not_read_from_and_takes_no_memory(server: EchoServer) -> None:
    """Its pings would be answered into a buffer that nobody empties."""
    with Client(server.port, settings=setting(Setting.INITIAL_WINDOW_SIZE, 1 << 30)) as client:
        client.send(frame(WINDOW_UPDATE, 0, 0, u32(1 << 30)))
        for number in range(1, 101, 2):
            client.headers(number, LARGE)
        with Client(server.port) as other:
            other.headers(1)
            assert other.answer(1) == b""
        assert eventually(lambda: any(one.streams for one in server.server.connections))
        (connection,) = [one for one in server.server.connections if one.streams]
        assert connection.transport.get_write_buffer_size() < 2 << 20
        assert [len(client.answer(number)) for number in range(1, 101, 2)] == [1_000_000] * 50


def timeouts(**seconds: float) -> Http2Options:
    return Http2Options(timeouts=Http2Timeouts(**seconds), pings=PingPolicy(strikes=0))


@pytest.mark.parametrize(
    "data",
    [b"", PREFACE[:10], PREFACE, PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_STREAM, 1, b"\x82")],
    ids=["nothing", "half a preface", "no settings", "half a header block"],
)
def test_slow_headers_end_the_connection(data: bytes) -> None:
    with echo_server(timeouts(head=0.3)) as server, Client(server.port, hello=False) as client:
        client.send(data)
        assert client.goaway() is ErrorCode.SETTINGS_TIMEOUT
        client.until(lambda: client.closed)
        assert client.closed


def test_a_body_that_stops_is_told_to_the_application() -> None:
    with echo_server(timeouts(body=0.3)) as server, Client(server.port) as client:
        client.headers(1, end=False)
        client.headers(3, end=False)
        client.data(3, b"begun", end=False)
        assert client.reset(3) is ErrorCode.CANCEL
        assert server.echo.stalled == 1
        client.data(1, b"has not begun")
        assert client.answer(1) == b"has not begun"


PROGRAM = """
import asyncio, sys
import uvloop
from tests.transports.http2.test_limits import echo_server, timeouts

asyncio.run = uvloop.run  # which looks at deadlines first and then reads, as asyncio's own loop does not
with echo_server(timeouts(body=1)) as server:
    print(server.port, flush=True)
    sys.stdin.read()
"""


def test_what_came_while_the_server_stood_still_is_read_before_deadlines_are_checked() -> None:
    pytest.importorskip("uvloop")
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            with Client(int(server.stdout.readline())) as client:
                client.headers(1, end=False)
                client.data(1, b"begun, ", end=False)
                client.ping()
                freeze(server.pid)
                client.data(1, b"and complete")
                threading.Event().wait(1.5)
                os.kill(server.pid, signal.SIGCONT)
                assert client.answer(1) == b"begun, and complete"
        finally:
            server.kill()


def test_an_answer_that_is_not_taken_is_dropped() -> None:
    with echo_server(timeouts(write=0.3)) as server, Client(server.port) as client:
        client.headers(1, LARGE)
        assert client.reset(1) is ErrorCode.CANCEL
        client.headers(3)
        assert client.answer(3) == b""


def test_an_answer_that_is_taken_byte_by_byte_is_dropped() -> None:
    with echo_server(timeouts(write=0.5)) as server, Client(server.port) as client:
        client.headers(1, LARGE)
        client.until(lambda: len(client.of(DataFrame)) >= 4)
        end = time.monotonic() + 20
        client.socket.settimeout(0.05)
        while not client.of(RstStreamFrame):
            assert time.monotonic() < end
            client.send(frame(WINDOW_UPDATE, 0, 0, u32(1)) + frame(WINDOW_UPDATE, 0, 1, u32(1)))
            try:
                client.read()
            except TimeoutError:
                continue


def test_a_connection_whose_client_takes_nothing_is_closed() -> None:
    big = setting(Setting.INITIAL_WINDOW_SIZE, 1 << 30)
    with echo_server(timeouts(write=0.5)) as server, Client(server.port, settings=big) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(frame(WINDOW_UPDATE, 0, 0, u32(1 << 30)))
        for number in range(1, 41, 2):
            client.headers(number, LARGE)
        end = time.monotonic() + 20
        while len(server.server.connections) and time.monotonic() < end:
            time.sleep(0.02)
        assert not len(server.server.connections)


def test_a_connection_that_closes_is_given_up_if_the_client_does_not_take_its_last_answers() -> None:
    windows = setting(Setting.INITIAL_WINDOW_SIZE, 1 << 30)
    with echo_server(timeouts(write=0.5)) as server, Client(server.port, settings=windows) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(frame(WINDOW_UPDATE, 0, 0, u32(1 << 30)))
        client.ping()
        (connection,) = server.server.connections
        number = 1
        while not connection.transport.get_write_buffer_size():  # the answers wait in the transport, not in streams
            opened = server.echo.opened
            client.headers(number, end=False)
            client.data(number, bytes(16_000))
            assert eventually(lambda opened=opened: server.echo.opened > opened)  # type: ignore[misc]
            number += 2
        assert eventually(lambda: not connection.streams)
        server.loop.call_soon_threadsafe(connection.drain)
        assert eventually(lambda: not len(server.server.connections), 20)


def test_a_silent_client_is_pinged_and_then_closed() -> None:
    with echo_server(timeouts(keepalive=0.3, keepalive_answer=0.3)) as server, Client(server.port) as client:
        client.until(lambda: client.closed)
        assert client.closed
        assert len(client.of(PingFrame)) == 1


def test_a_client_that_answers_stays() -> None:
    with echo_server(timeouts(keepalive=0.1, keepalive_answer=5)) as server, Client(server.port) as client:
        for count in range(1, 4):
            client.until(lambda count=count: len(client.of(PingFrame)) == count)  # type: ignore[misc]
            client.send(frame(PING, ACK, 0, client.of(PingFrame)[-1].opaque_data))
        assert not client.closed


@pytest.mark.parametrize("options", [timeouts(idle=0.3), timeouts(age=0.3)], ids=["idle", "old"])
def test_a_connection_that_is_idle_or_old_is_asked_to_end(options: Http2Options) -> None:
    with echo_server(options) as server, Client(server.port) as client:
        assert client.goaway() is ErrorCode.NO_ERROR
        client.until(lambda: client.closed)
        assert client.closed


def test_the_calls_of_an_old_connection_may_end_and_then_it_is_closed() -> None:
    with echo_server(timeouts(age=0.3, age_grace=0.5)) as server, Client(server.port) as client:
        client.headers(1, HOLD)
        assert client.goaway() is ErrorCode.NO_ERROR
        client.until(lambda: client.closed)
        assert client.closed
        assert not client.ended(1)


def test_a_drain_answers_what_came_before_the_client_knew() -> None:
    with echo_server() as server, Client(server.port) as client:
        client.headers(1, HOLD)
        client.ping()
        server.drain()
        client.until(lambda: bool(client.of(GoAwayFrame)))
        assert client.of(GoAwayFrame)[0].last_stream_id == 2**31 - 1
        client.headers(3, HOLD)
        client.until(lambda: len(client.of(PingFrame)) == 2)
        client.send(frame(PING, ACK, 0, client.of(PingFrame)[1].opaque_data))
        client.until(lambda: len(client.of(GoAwayFrame)) == 2)
        assert client.of(GoAwayFrame)[1].last_stream_id == 3
        client.headers(5)
        client.until(lambda: bool(client.of(RstStreamFrame)))
        assert client.reset(5) is ErrorCode.REFUSED_STREAM
        server.echo.release()
        assert [client.answer(1), client.answer(3)] == [b"", b""]
        client.until(lambda: client.closed)
        assert client.closed


def test_a_drain_ends_although_a_client_is_silent() -> None:
    with echo_server() as server:
        client = Client(server.port)
        client.headers(1)
        client.answer(1)
    client.until(lambda: client.closed)
    assert client.closed
    client.socket.close()


def test_a_drain_does_not_wait_for_clients_that_neither_send_nor_receive() -> None:
    closed_window = setting(Setting.INITIAL_WINDOW_SIZE, 0)
    options = Http2Options(timeouts=Http2Timeouts(drain_stall=0.3))
    with echo_server(options) as server, Client(server.port, settings=closed_window) as client:
        client.headers(1, end=False)  # nothing of its body comes
        client.headers(3, end=False)
        client.data(3, b"some", end=False)
        client.headers(5, LARGE)
        client.headers(7, HOLD)
        client.ping()
        begun = time.monotonic()
        server.drain()
        client.until(lambda: len(client.of(RstStreamFrame)) == 3)
        codes = [ErrorCode(client.of(RstStreamFrame, number)[0].error_code) for number in (1, 3, 5)]
        assert codes == [ErrorCode.REFUSED_STREAM, ErrorCode.CANCEL, ErrorCode.CANCEL]
        assert server.echo.stalled == 1
        assert not client.closed
        server.echo.release()  # what runs is answered
        assert client.answer(7) == b""
        client.until(lambda: client.closed)
        assert client.closed
        assert time.monotonic() - begun < 10


def test_a_drain_does_not_wait_for_a_client_that_does_not_confirm_the_end_of_tls(tmp_path: Path) -> None:
    authority = make_authority(tmp_path, "authority")
    keys = issue(authority, tmp_path, "server")
    context = ssl.create_default_context(cafile=authority.certificate)
    context.set_alpn_protocols(["h2"])
    options = Http2Options(timeouts=Http2Timeouts(drain_stall=0.3))
    encryption = server_context(read_tls(keys.certificate, keys.key))
    with echo_server(options, encryption=encryption) as server:
        plain = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
        client = context.wrap_socket(plain, server_hostname="localhost")
        client.sendall(PREFACE + frame(SETTINGS, 0, 0))
        assert client.recv(1)  # the rest is never read
        begun = time.monotonic()
    assert time.monotonic() - begun < 0.75 * PATIENCE
    client.close()


def test_a_client_that_is_finished_and_whose_window_is_full_is_not_waited_for() -> None:
    with echo_server() as server, Client(server.port) as client:
        client.headers(1, LARGE)
        client.socket.shutdown(socket.SHUT_WR)
        client.until(lambda: client.closed)
        assert client.closed
        assert sum(len(one.data) for one in client.of(DataFrame, 1)) == DEFAULT_WINDOW


def test_the_streams_of_a_client_that_has_gone_are_given_up() -> None:
    """Proxies whose client has cancelled its call close the connection, without a reset of the stream."""
    with echo_server() as server:
        with Client(server.port) as client:
            client.headers(1, HOLD)
            assert eventually(lambda: len(server.echo.held) == 1)
        assert eventually(lambda: server.echo.closed == 1)


def test_handshakes_that_do_not_end_make_room_for_others(tmp_path: Path) -> None:
    authority = make_authority(tmp_path, "authority")
    keys = issue(authority, tmp_path, "server")
    context = ssl.create_default_context(cafile=authority.certificate)
    context.set_alpn_protocols(["h2"])
    encryption = server_context(read_tls(keys.certificate, keys.key))
    with echo_server(most=3, encryption=encryption) as server, contextlib.ExitStack() as stack:
        address = ("127.0.0.1", server.port)
        silent = [stack.enter_context(socket.create_connection(address, timeout=PATIENCE)) for _ in range(10)]
        plain = stack.enter_context(socket.create_connection(address, timeout=PATIENCE))
        client = stack.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
        assert client.recv(1)
        for one in silent[:8]:
            with contextlib.suppress(ConnectionResetError):
                assert one.recv(1) == b""
        assert len(server.server.connections) == 1


def test_a_drain_does_not_wait_for_the_rest_of_a_header_block() -> None:
    options = Http2Options(timeouts=Http2Timeouts(drain_stall=0.3))
    with echo_server(options) as server, Client(server.port) as client:
        client.headers(1, HOLD)
        client.headers(3, flags=0)
        server.drain()
        assert client.goaway() in (ErrorCode.NO_ERROR, ErrorCode.SETTINGS_TIMEOUT)
        client.until(lambda: client.closed)
        assert client.closed


def test_two_thousand_idle_streams_and_connections_cost_no_thread() -> None:
    with echo_server() as server:
        threads = set(threading.enumerate())
        clients = [Client(server.port) for _ in range(4)]
        for client in clients:
            for number in range(1, 1001, 2):
                client.headers(number, HOLD, end=False)
        for client in clients:
            client.ping()
        assert sum(len(one.streams) for one in server.server.connections) == 2000
        assert set(threading.enumerate()) <= threads
        with Client(server.port) as other:
            other.headers(1)
            assert other.answer(1) == b""
        for client in clients:
            client.socket.close()


def test_limits_must_be_positive() -> None:
    with pytest.raises(InvalidArgument, match=r"limits.streams=0"):
        Http2Limits(streams=0)
    with pytest.raises(InvalidArgument, match=r"timeouts.head=-1"):
        Http2Timeouts(head=-1)


def test_an_idle_connection_makes_room_for_another_one_and_a_busy_one_does_not() -> None:
    with echo_server(most=2) as server, Client(server.port) as busy, Client(server.port) as idle:
        busy.headers(1, HOLD)
        busy.ping()
        idle.headers(1)
        idle.answer(1)
        with Client(server.port) as new:
            new.headers(1, HOLD)
            new.ping()
            assert idle.goaway() is ErrorCode.NO_ERROR
            with Client(server.port) as late:
                assert late.goaway() is ErrorCode.ENHANCE_YOUR_CALM
            server.echo.release()
            assert busy.answer(1) == b""
            assert new.answer(1) == b""
