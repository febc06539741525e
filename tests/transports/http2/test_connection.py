"""RFC 9113: frames, streams and connections. The sections are those that h2spec covers."""

from __future__ import annotations

import socket

import pytest
from hyperframe.frame import DataFrame, HeadersFrame, PingFrame, RstStreamFrame, SettingsFrame
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.transports.http2.wire import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PUSH_PROMISE,
    REQUEST,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    WITH_PRIORITY,
    Client,
    EchoServer,
    echo_server,
    setting,
)

from lightship.transports.http2.frames import ErrorCode, Setting, frame
from lightship.transports.http2.options import Http2Limits, Http2Options


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


# 3.4: the preface.


def test_the_first_frame_of_the_server_is_settings(client: Client) -> None:
    client.ping()
    assert isinstance(client.frames[0], SettingsFrame)
    assert client.settings_of_server()[Setting.MAX_CONCURRENT_STREAMS] == 1000
    acknowledged = [one for one in client.of(SettingsFrame) if "ACK" in one.flags]
    assert len(acknowledged) == 1


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nXX", b"\x16\x03\x01" * 9]
)
def test_another_preface_ends_the_connection(server: EchoServer, data: bytes) -> None:
    with Client(server.port, hello=False) as client:
        client.send(data)
        assert client.goaway() is ErrorCode.PROTOCOL_ERROR
        client.until(lambda: client.closed)


def test_a_preface_in_pieces_is_read(server: EchoServer) -> None:
    with Client(server.port, hello=False) as client:
        for byte in PREFACE + frame(SETTINGS, 0, 0):
            client.send(bytes([byte]))
        client.ping()


def test_the_first_frame_of_a_client_must_be_settings(server: EchoServer) -> None:
    with Client(server.port, hello=False) as client:
        client.send(PREFACE + frame(PING, 0, 0, bytes(8)))
        assert client.goaway() is ErrorCode.PROTOCOL_ERROR


# 4.1, 4.2: frames.


def test_unknown_frames_flags_and_the_reserved_bit_are_ignored(client: Client) -> None:
    client.send(frame(0xEE, 0xFF, 0, bytes(8)) + frame(PING, 0xFE, 1 << 31, b"01234567"))
    client.until(lambda: bool(client.of(PingFrame)))
    assert client.of(PingFrame)[0].opaque_data == b"01234567"


def test_the_largest_frame_is_read_and_a_larger_one_refused(client: Client) -> None:
    client.headers(1, end=False)
    client.data(1, bytes(16384))
    assert client.answer(1) == bytes(16384)
    client.headers(3, end=False)
    client.data(3, bytes(16385))
    assert client.goaway() is ErrorCode.FRAME_SIZE_ERROR


@pytest.mark.parametrize("kind", [HEADERS, 0xEE])
def test_the_size_of_every_frame_is_limited(client: Client, kind: int) -> None:
    client.send(frame(kind, 0, 1 if kind == HEADERS else 0, bytes(16385)))
    assert client.goaway() is ErrorCode.FRAME_SIZE_ERROR


# 4.3, 6.10: header blocks.


def test_a_block_in_many_frames_is_one(client: Client) -> None:
    block = client.encoder.encode(REQUEST)
    client.send(frame(HEADERS, END_STREAM, 1, block[:1]) + frame(CONTINUATION, 0, 1, block[1:5]))
    client.send(frame(CONTINUATION, 0, 1, b"") + frame(CONTINUATION, END_HEADERS, 1, block[5:]))
    assert client.answer(1) == b""


@pytest.mark.parametrize(
    "between",
    [
        frame(PING, 0, 0, bytes(8)),
        frame(PRIORITY, 0, 1, bytes(5)),
        frame(DATA, 0, 1, b"x"),
        frame(DATA, END_STREAM, 1, b"x"),
        frame(HEADERS, END_HEADERS, 3, b"\x82"),
        frame(CONTINUATION, END_HEADERS, 3, b"\x82"),
        frame(0xEE, 0, 0),
    ],
    ids=["ping", "priority", "data", "last data", "headers", "another stream's", "unknown"],
)
def test_nothing_may_come_within_a_header_block(client: Client, between: bytes) -> None:
    client.send(frame(HEADERS, END_STREAM, 1, b"\x82") + between)
    assert client.goaway() is ErrorCode.PROTOCOL_ERROR


def test_a_continuation_needs_headers(client: Client) -> None:
    client.headers(1, end=False)
    client.send(frame(CONTINUATION, END_HEADERS, 1, b"\x82"))
    assert client.goaway() is ErrorCode.PROTOCOL_ERROR


# 5.1: the states of a stream.


@pytest.mark.parametrize(
    "data",
    [frame(DATA, END_STREAM, 1, b"x"), frame(RST_STREAM, 0, 1, u32(8)), frame(WINDOW_UPDATE, 0, 1, u32(1))],
    ids=["data", "rst_stream", "window_update"],
)
def test_a_stream_that_was_never_opened_takes_nothing(client: Client, data: bytes) -> None:
    client.send(data)
    assert client.goaway() is ErrorCode.PROTOCOL_ERROR


def test_a_stream_whose_client_has_ended_it_takes_no_data(client: Client) -> None:
    client.headers(1, [*REQUEST[:2], (":path", "/hold")])
    client.data(1, b"more")
    assert client.reset(1) is ErrorCode.STREAM_CLOSED


def test_a_stream_whose_client_has_ended_it_takes_no_headers(client: Client) -> None:
    client.headers(1, [*REQUEST[:2], (":path", "/hold")])
    client.headers(1, [("x", "y")])
    assert client.reset(1) is ErrorCode.STREAM_CLOSED


def test_windows_and_priorities_may_still_come_for_a_stream_that_ended(client: Client) -> None:
    client.headers(1)
    client.answer(1)
    client.send(frame(WINDOW_UPDATE, 0, 1, u32(1)) + frame(PRIORITY, 0, 1, bytes(5)) + frame(RST_STREAM, 0, 1, u32(8)))
    client.ping()
    assert not client.of(RstStreamFrame)


def test_data_for_a_stream_that_ended_is_refused(client: Client) -> None:
    client.headers(1)
    client.answer(1)
    client.data(1, b"more")
    assert client.reset(1) is ErrorCode.STREAM_CLOSED


def test_headers_for_a_stream_that_ended_end_the_connection(client: Client) -> None:
    client.headers(1)
    client.answer(1)
    client.headers(1)
    assert client.goaway() is ErrorCode.STREAM_CLOSED


def test_an_answer_before_the_body_has_come_tells_the_client_to_stop(client: Client) -> None:
    client.headers(1, [*REQUEST[:2], (":path", "/early")], end=False)
    client.answer(1)
    assert client.reset(1) is ErrorCode.NO_ERROR
    client.data(1, b"was on its way", end=False)
    client.headers(1, [("x", "y")])
    client.ping()
    assert len(client.of(RstStreamFrame, 1)) == 1


def test_the_headers_of_a_stream_that_was_cut_off_still_count_for_the_next_ones(client: Client) -> None:
    """Header compression has one state for the whole connection."""
    client.headers(1, [*REQUEST[:2], (":path", "/early")], end=False)
    client.answer(1)
    client.headers(1, [("new", "name")])
    client.headers(3, [*REQUEST, ("new", "name")])
    assert client.answer(3) == b""


# 5.1.1, 5.1.2: identifiers and concurrency.


def test_clients_open_odd_streams(client: Client) -> None:
    client.headers(2)
    assert client.goaway() is ErrorCode.PROTOCOL_ERROR


def test_identifiers_must_grow(client: Client) -> None:
    client.headers(5)
    client.headers(3)
    assert client.goaway() is ErrorCode.PROTOCOL_ERROR


def test_more_streams_than_allowed_are_refused(client: Client) -> None:
    for number in range(1, 2003, 2):
        client.headers(number, [*REQUEST[:2], (":path", "/hold")], end=False)
    assert client.reset(2001) is ErrorCode.REFUSED_STREAM
    client.send(frame(RST_STREAM, 0, 1, u32(8)))
    client.headers(2003, REQUEST)
    assert client.answer(2003) == b""


# 5.3: priorities.


def test_priorities_have_no_effect(client: Client) -> None:
    client.send(frame(PRIORITY, 0, 7, u32(1 << 31) + b"\x10"))
    block = client.encoder.encode(REQUEST)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM | WITH_PRIORITY, 9, u32(7) + b"\x10" + block))
    assert client.answer(9) == b""


def test_a_stream_cannot_depend_on_itself(client: Client) -> None:
    client.headers(1, [*REQUEST[:2], (":path", "/hold")])
    client.send(frame(PRIORITY, 0, 1, u32(1) + b"\x10"))
    assert client.reset(1) is ErrorCode.PROTOCOL_ERROR
    client.send(frame(HEADERS, END_HEADERS | WITH_PRIORITY, 3, u32(3) + b"\x10\x82"))
    assert client.goaway() is ErrorCode.PROTOCOL_ERROR


# 6.1 to 6.9: each frame.


def test_padding_is_removed(client: Client) -> None:
    block = client.encoder.encode(REQUEST)
    client.send(frame(HEADERS, END_HEADERS | PADDED, 1, b"\x05" + block + bytes(5)))
    client.send(frame(DATA, PADDED, 1, b"\x03abc" + bytes(3)) + frame(DATA, PADDED | END_STREAM, 1, b"\x00def"))
    assert client.answer(1) == b"abcdef"


@pytest.mark.parametrize("payload", [b"", b"\x06abcde", b"\xff"])
def test_padding_longer_than_the_frame_ends_the_connection(client: Client, payload: bytes) -> None:
    client.headers(1, end=False)
    client.send(frame(DATA, PADDED | END_STREAM, 1, payload))
    assert client.goaway() is ErrorCode.PROTOCOL_ERROR


PROTOCOL, SIZE, FLOW = ErrorCode.PROTOCOL_ERROR, ErrorCode.FRAME_SIZE_ERROR, ErrorCode.FLOW_CONTROL_ERROR


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(DATA, END_STREAM, 0, b"x"), PROTOCOL),
        (frame(HEADERS, END_HEADERS, 0, b"\x82"), PROTOCOL),
        (frame(HEADERS, END_HEADERS | PADDED, 1, b"\x09\x82"), PROTOCOL),
        (frame(HEADERS, END_HEADERS | WITH_PRIORITY, 1, b"\x82"), SIZE),
        (frame(PRIORITY, 0, 0, bytes(5)), PROTOCOL),
        (frame(PRIORITY, 0, 1, bytes(4)), SIZE),
        (frame(RST_STREAM, 0, 0, bytes(4)), PROTOCOL),
        (frame(RST_STREAM, 0, 1, bytes(3)), SIZE),
        (frame(SETTINGS, 0, 1), PROTOCOL),
        (frame(SETTINGS, ACK, 0, bytes(6)), SIZE),
        (frame(SETTINGS, 0, 0, bytes(5)), SIZE),
        (frame(SETTINGS, 0, 0, setting(Setting.ENABLE_PUSH, 2)), PROTOCOL),
        (frame(SETTINGS, 0, 0, setting(Setting.INITIAL_WINDOW_SIZE, 1 << 31)), FLOW),
        (frame(SETTINGS, 0, 0, setting(Setting.MAX_FRAME_SIZE, 16383)), PROTOCOL),
        (frame(SETTINGS, 0, 0, setting(Setting.MAX_FRAME_SIZE, 1 << 24)), PROTOCOL),
        (frame(PUSH_PROMISE, END_HEADERS, 1, u32(2) + b"\x82"), PROTOCOL),
        (frame(PING, 0, 1, bytes(8)), PROTOCOL),
        (frame(PING, 0, 0, bytes(6)), SIZE),
        (frame(GOAWAY, 0, 1, bytes(8)), PROTOCOL),
        (frame(GOAWAY, 0, 0, bytes(7)), SIZE),
        (frame(WINDOW_UPDATE, 0, 0, u32(0)), PROTOCOL),
        (frame(WINDOW_UPDATE, 0, 0, u32((1 << 31) - 1)), FLOW),
        (frame(WINDOW_UPDATE, 0, 0, bytes(3)), SIZE),
        (frame(CONTINUATION, END_HEADERS, 0, b"\x82"), PROTOCOL),
    ],
)
def test_a_wrong_frame_ends_the_connection(client: Client, data: bytes, code: ErrorCode) -> None:
    client.send(data)
    assert client.goaway() is code
    client.until(lambda: client.closed)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(WINDOW_UPDATE, 0, 1, u32(0)), PROTOCOL),
        (frame(WINDOW_UPDATE, 0, 1, u32((1 << 31) - 1)), FLOW),
        (frame(PRIORITY, 0, 1, bytes(4)), SIZE),
        (frame(HEADERS, END_HEADERS, 1, b"\x00\x01a\x01b"), PROTOCOL),  # trailers that do not end the stream
    ],
)
def test_a_wrong_frame_of_a_stream_ends_that_alone(client: Client, data: bytes, code: ErrorCode) -> None:
    client.headers(1, end=False)
    client.send(data)
    assert client.reset(1) is code
    client.headers(3)
    assert client.answer(3) == b""


def test_an_acknowledged_ping_is_not_answered(client: Client) -> None:
    client.send(frame(PING, ACK, 0, b"ignored!"))
    client.ping()
    assert [one.opaque_data for one in client.of(PingFrame)] == [b"01234567"]


def test_settings_are_acknowledged_and_unknown_ones_ignored(client: Client) -> None:
    client.send(frame(SETTINGS, 0, 0, b"\xbe\xef" + u32(7)))
    client.until(lambda: sum("ACK" in one.flags for one in client.of(SettingsFrame)) == 2)


def test_of_several_values_of_a_setting_the_last_one_counts(server: EchoServer) -> None:
    both = setting(Setting.INITIAL_WINDOW_SIZE, 100) + setting(Setting.INITIAL_WINDOW_SIZE, 1)
    with Client(server.port, settings=both) as client:
        client.headers(1, end=False)
        client.data(1, b"abc")
        client.until(lambda: bool(client.of(DataFrame, 1)))
        assert bytes(client.of(DataFrame, 1)[0].data) == b"a"


# 7: error codes.


def test_unknown_error_codes_have_no_effect_of_their_own(client: Client) -> None:
    client.headers(1, [*REQUEST[:2], (":path", "/hold")])
    client.send(frame(RST_STREAM, 0, 1, u32(0xFE)) + frame(GOAWAY, 0, 0, u32(0) + u32(0xFE)))
    client.headers(3)
    assert client.answer(3) == b""


# 6.9: flow control.


def test_an_answer_waits_for_the_window_of_its_stream(server: EchoServer) -> None:
    with Client(server.port, settings=setting(Setting.INITIAL_WINDOW_SIZE, 3)) as client:
        client.headers(1, end=False)
        client.data(1, b"abcdefgh")
        client.until(lambda: bool(client.of(DataFrame, 1)))
        client.ping()
        assert [bytes(one.data) for one in client.of(DataFrame, 1)] == [b"abc"]
        client.send(frame(WINDOW_UPDATE, 0, 1, u32(1)))
        client.until(lambda: len(client.of(DataFrame, 1)) == 2)
        client.send(frame(SETTINGS, 0, 0, setting(Setting.INITIAL_WINDOW_SIZE, 100)))
        assert client.answer(1) == b"abcdefgh"


def test_a_window_may_become_negative(server: EchoServer) -> None:
    with Client(server.port, settings=setting(Setting.INITIAL_WINDOW_SIZE, 3)) as client:
        client.headers(1, end=False)
        client.data(1, b"abcdefgh")
        client.until(lambda: bool(client.of(DataFrame, 1)))
        client.send(frame(SETTINGS, 0, 0, setting(Setting.INITIAL_WINDOW_SIZE, 0)) + frame(WINDOW_UPDATE, 0, 1, u32(3)))
        client.ping()
        assert len(client.of(DataFrame, 1)) == 1
        client.send(frame(WINDOW_UPDATE, 0, 1, u32(5)))
        assert client.answer(1) == b"abcdefgh"


def test_a_window_that_grows_too_large_by_settings_ends_the_connection(client: Client) -> None:
    client.headers(1, end=False)
    client.send(frame(WINDOW_UPDATE, 0, 1, u32((1 << 31) - 1 - 65535)))
    client.send(frame(SETTINGS, 0, 0, setting(Setting.INITIAL_WINDOW_SIZE, 65536)))
    assert client.goaway() is FLOW


def test_all_streams_share_the_window_of_the_connection(client: Client) -> None:
    for number in (1, 3):
        client.headers(number, [*REQUEST[:2], (":path", "/large")])
        client.send(frame(WINDOW_UPDATE, 0, number, u32(10_000_000)))
    client.ping()
    client.until(lambda: sum(len(one.data) for one in client.of(DataFrame)) == 65535)
    client.ping(b"whatever")
    assert sum(len(one.data) for one in client.of(DataFrame)) == 65535
    client.send(frame(WINDOW_UPDATE, 0, 0, u32(10_000_000)))
    assert [len(client.answer(number)) for number in (1, 3)] == [1_000_000] * 2


def test_a_body_may_be_longer_than_the_first_window(client: Client) -> None:
    client.send(frame(WINDOW_UPDATE, 0, 0, u32(20_000_000)))
    client.headers(1, end=False)
    client.send(frame(WINDOW_UPDATE, 0, 1, u32(20_000_000)))
    for _ in range(625):
        client.data(1, bytes(16000), end=False)
    client.data(1)
    assert len(client.answer(1)) == 10_000_000


def test_more_than_the_window_of_a_stream_is_refused() -> None:
    """The server makes a window larger when half of it is used: only one frame that is larger than half gets here."""
    with echo_server(Http2Options(Http2Limits(stream_window=1000))) as server, Client(server.port) as client:
        assert client.settings_of_server()[Setting.INITIAL_WINDOW_SIZE] == 1000
        client.headers(1, end=False)
        client.data(1, bytes(1000), end=False)
        client.data(1, bytes(1001))
        assert client.reset(1) is FLOW


def test_frames_respect_the_clients_maximum(server: EchoServer) -> None:
    more = setting(Setting.INITIAL_WINDOW_SIZE, 10_000_000) + setting(Setting.MAX_FRAME_SIZE, 30_000)
    with Client(server.port, settings=more) as client:
        client.send(frame(WINDOW_UPDATE, 0, 0, u32(10_000_000)))
        client.headers(1, [*REQUEST[:2], (":path", "/large")])
        assert len(client.answer(1)) == 1_000_000
        assert max(len(one.data) for one in client.of(DataFrame, 1)) == 30_000


# 8.1: requests.

ONE = [(":method", "POST"), (":scheme", "http"), (":path", "/echo")]


@pytest.mark.parametrize(
    "fields",
    [
        [*ONE, ("Upper", "x")],
        [*ONE, ("", "x")],
        [*ONE, ("a b", "x")],
        [*ONE, ("a", "x\ny")],
        [*ONE, ("a", "x\0")],
        [*ONE, (":unknown", "x")],
        [*ONE, (":status", "200")],
        [*ONE[:2], ("a", "b"), (":path", "/echo")],
        [*ONE, (":path", "/other")],
        [*ONE, (":method", "POST")],
        [*ONE, (":scheme", "http")],
        [*ONE, ("connection", "close")],
        [*ONE, ("keep-alive", "x")],
        [*ONE, ("proxy-connection", "x")],
        [*ONE, ("transfer-encoding", "chunked")],
        [*ONE, ("upgrade", "h2c")],
        [*ONE, ("te", "gzip")],
        [*ONE[:2], (":path", "")],
        ONE[:2],
        ONE[1:],
        [ONE[0], ONE[2]],
        [*ONE, ("content-length", "x")],
        [*ONE, ("content-length", "1")],
        [*ONE, ("content-length", "0"), ("content-length", "1")],
        [*ONE, ("content-length", "9" * 5000)],
    ],
    ids=lambda fields: " ".join(name for name, _ in fields[-2:]),
)
def test_a_malformed_request_ends_its_stream(client: Client, fields: list[tuple[str, str]]) -> None:
    client.headers(1, fields)
    assert client.reset(1) is ErrorCode.PROTOCOL_ERROR
    client.headers(3)
    assert client.answer(3) == b""


@pytest.mark.parametrize(("length", "sent"), [("5", b"1234"), ("3", b"1234"), ("5", b"")])
def test_the_length_that_was_announced_must_come(client: Client, length: str, sent: bytes) -> None:
    client.headers(1, [*ONE, ("content-length", length)], end=False)
    client.data(1, sent)
    assert client.reset(1) is ErrorCode.PROTOCOL_ERROR


def test_the_length_that_was_announced_may_come_in_parts(client: Client) -> None:
    client.headers(1, [*ONE, ("content-length", "4")], end=False)
    client.data(1, b"12", end=False)
    client.data(1, b"34")
    assert client.answer(1) == b"1234"


def test_trailers_end_a_request(client: Client) -> None:
    client.headers(1, end=False)
    client.data(1, b"body", end=False)
    client.headers(1, [("checksum", "x")])
    assert client.answer(1) == b"body"


def test_trailers_have_no_pseudo_headers(client: Client) -> None:
    client.headers(1, end=False)
    client.headers(1, [(":path", "/x")])
    assert client.reset(1) is ErrorCode.PROTOCOL_ERROR


def test_a_body_frame_by_frame_and_byte_by_byte_arrives(client: Client) -> None:
    client.headers(1, end=False)
    for byte in b"slowly":
        for part in frame(DATA, 0, 1, bytes([byte])):
            client.send(bytes([part]))
    client.data(1)
    assert client.answer(1) == b"slowly"


def test_many_streams_may_be_interleaved(client: Client) -> None:
    numbers = range(1, 101, 2)
    for number in numbers:
        client.headers(number, end=False)
    for number in reversed(numbers):
        client.data(number, b"%d" % number, end=False)
    for number in numbers:
        client.data(number, b"!")
    assert [client.answer(number) for number in numbers] == [b"%d!" % number for number in numbers]


def test_a_stream_that_is_reset_is_given_up(client: Client, server: EchoServer) -> None:
    client.ping(b"at first")  # what the test before has left is closed
    before = server.echo.closed
    client.headers(1, [*ONE[:2], (":path", "/hold")])
    client.send(frame(RST_STREAM, 0, 1, u32(8)))
    client.ping()
    assert server.echo.closed == before + 1
    server.echo.release()
    client.ping(b"whatever")
    assert not client.of(HeadersFrame, 1)


def test_a_client_that_has_sent_all_gets_its_answer(server: EchoServer) -> None:
    with Client(server.port) as client:
        client.headers(1, end=False)
        client.data(1, b"last")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.answer(1) == b"last"
        client.until(lambda: client.closed)
        assert client.closed


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from([1, 3]), st.sampled_from([0, 1, 1023, 1024, 5000, 16384])), max_size=30))
def test_bodies_in_frames_of_any_size_arrive_whole(server: EchoServer, frames: list[tuple[int, int]]) -> None:
    bodies = {1: b"", 3: b""}
    window = setting(Setting.INITIAL_WINDOW_SIZE, 1 << 20)
    with Client(server.port, settings=window) as client:
        data = frame(WINDOW_UPDATE, 0, 0, u32(1 << 20))
        for number, (stream, size) in enumerate(frames):
            body = bytes([number]) * size
            bodies[stream] += body
            data += frame(DATA, 0, stream, body)
        for stream in bodies:
            client.headers(stream, end=False)
        client.send(data)
        for stream, body in bodies.items():
            client.data(stream, b"the end")
            assert client.answer(stream) == body + b"the end"
