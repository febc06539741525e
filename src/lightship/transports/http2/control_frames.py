"""The frames of a client that are not the usual ones: settings, pings, windows, resets, and padded or split headers.

Each function takes a complete frame, and raises ConnectionFault for one that is not allowed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from lightship.transports.http2.frames import (
    ACK,
    DEFAULT_FRAME_SIZE,
    DEFAULT_TABLE_SIZE,
    END_HEADERS,
    END_STREAM,
    MAX_FRAME_SIZE,
    MAX_STREAM,
    MAX_WINDOW,
    PADDED,
    PING,
    SETTINGS_ACK,
    WITH_PRIORITY,
    ConnectionFault,
    ErrorCode,
    Setting,
    frame,
    read_settings,
    read_u32,
)
from lightship.transports.http2.header_block import HeaderBlock
from lightship.transports.http2.rates import IDLE_FRAMES, PINGS, RESETS, SETTINGS, WINDOW_UPDATES

if TYPE_CHECKING:
    from lightship.transports.http2.connection import Http2Connection

DRAIN_PING = b"draining"  # the PING whose answer shows that the client has learned of the drain


def _on_padded_data(connection: Http2Connection, number: int, flags: int, payload: bytes) -> None:
    data = _without_padding(payload, flags)
    if not data and not flags & END_STREAM:
        connection.rates.count(IDLE_FRAMES)
    connection.on_data(number, flags, data, len(payload))


def _on_headers(connection: Http2Connection, number: int, flags: int, payload: bytes) -> None:
    if not number:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "HEADERS for the stream 0")
    block = _without_padding(payload, flags)
    if flags & WITH_PRIORITY:
        if len(block) < 5:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "HEADERS is too short for its priority")
        if read_u32(block)[0] & MAX_STREAM == number:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"the stream {number} depends on itself")
        block = block[5:]
    if flags & END_HEADERS:
        connection.on_header_block(number, flags, block)
        return
    connection.block = HeaderBlock(number, flags, block, connection.limits, connection.budget)
    connection.lifetime.headers_begun()


def _on_continuation(connection: Http2Connection, number: int, flags: int, payload: bytes) -> None:
    block = connection.block
    if block is None:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without HEADERS")
    block.add(payload)
    if flags & END_HEADERS:
        connection.block = None
        connection.lifetime.headers_complete()
        connection.on_header_block(number, block.flags, block.complete())


def _on_priority(connection: Http2Connection, number: int, flags: int, payload: bytes) -> None:
    """Priorities are not used (RFC 9113, 5.3.2)."""
    connection.rates.count(IDLE_FRAMES)
    if not number:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PRIORITY for the stream 0")
    stream = connection.streams.get(number)
    if len(payload) != 5:
        if stream is None:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"PRIORITY has {len(payload)} bytes")
        connection.refuse_stream(stream, ErrorCode.FRAME_SIZE_ERROR)
    elif stream is not None and read_u32(payload)[0] & MAX_STREAM == number:
        connection.refuse_stream(stream, ErrorCode.PROTOCOL_ERROR)


def _on_rst_stream(connection: Http2Connection, number: int, flags: int, payload: bytes) -> None:
    if len(payload) != 4:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"RST_STREAM has {len(payload)} bytes")
    connection.rates.count(RESETS)
    stream = connection.streams.get(number)
    if stream is None:
        connection.on_late_frame(number, "RST_STREAM")
        return
    connection.forget(stream).on_closed()


def _on_settings(connection: Http2Connection, number: int, flags: int, payload: bytes) -> None:
    if number:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"SETTINGS for the stream {number}")
    connection.rates.count(SETTINGS)
    if flags & ACK:
        if payload:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "an acknowledgement of SETTINGS has a payload")
        return
    if len(payload) % 6:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"SETTINGS has {len(payload)} bytes")
    theirs = dict(read_settings(payload))
    for key, value in read_settings(payload):
        _check_setting(key, value)
    _apply(connection, theirs)
    connection.output.write(SETTINGS_ACK)
    if not connection.configured:
        connection.configured = True
        connection.lifetime.headers_complete()


def _apply(connection: Http2Connection, theirs: dict[int, int]) -> None:
    output = connection.output
    table = theirs.get(Setting.HEADER_TABLE_SIZE, DEFAULT_TABLE_SIZE)
    output.apply_settings(theirs.get(Setting.MAX_FRAME_SIZE), smaller_table=table < DEFAULT_TABLE_SIZE)
    change = theirs.get(Setting.INITIAL_WINDOW_SIZE, output.stream_window) - output.stream_window
    if not change:
        return
    output.stream_window += change
    for stream in connection.streams.values():
        stream.send_window += change
        if stream.send_window > MAX_WINDOW:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window exceeds 2^31-1 bytes")
        output.resume(stream)


def _on_push_promise(connection: Http2Connection, number: int, flags: int, payload: bytes) -> None:
    raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a client sends PUSH_PROMISE")


def _on_ping(connection: Http2Connection, number: int, flags: int, payload: bytes) -> None:
    if number:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"PING for the stream {number}")
    if len(payload) != 8:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"PING has {len(payload)} bytes")
    connection.rates.count(PINGS)
    if not flags & ACK:
        if connection.output.progress:  # clients measure with pings how fast a body comes
            connection.output.progress = False
            connection.pings.answered()
        connection.pings.check(time.monotonic(), bool(connection.streams))
        connection.output.write(frame(PING, ACK, 0, payload))
    elif payload == DRAIN_PING and connection.draining:
        connection.finish_drain()


def _on_goaway(connection: Http2Connection, number: int, flags: int, payload: bytes) -> None:
    if number:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"GOAWAY for the stream {number}")
    if len(payload) < 8:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"GOAWAY has {len(payload)} bytes")
    connection.rates.count(IDLE_FRAMES)


def _on_window_update(connection: Http2Connection, number: int, flags: int, payload: bytes) -> None:
    if len(payload) != 4:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"WINDOW_UPDATE has {len(payload)} bytes")
    connection.rates.count(WINDOW_UPDATES)
    increment = read_u32(payload)[0] & MAX_STREAM
    if not number:
        connection.output.grow_window(increment)
        return
    stream = connection.streams.get(number)
    if stream is None:
        connection.on_late_frame(number, "WINDOW_UPDATE")
        return
    stream.send_window += increment
    if not increment or stream.send_window > MAX_WINDOW:
        code = ErrorCode.FLOW_CONTROL_ERROR if increment else ErrorCode.PROTOCOL_ERROR
        connection.refuse_stream(stream, code)
    else:
        connection.output.resume(stream)


def _without_padding(payload: bytes, flags: int) -> bytes:
    """Returns the payload of a DATA or HEADERS frame without its padding."""
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame has more padding than bytes")
    return payload[1 : len(payload) - payload[0]]


def _check_setting(key: int, value: int) -> None:
    if key == Setting.ENABLE_PUSH and value > 1:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"ENABLE_PUSH is {value}")
    if key == Setting.INITIAL_WINDOW_SIZE and value > MAX_WINDOW:
        raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, f"INITIAL_WINDOW_SIZE is {value}")
    if key == Setting.MAX_FRAME_SIZE and not DEFAULT_FRAME_SIZE <= value <= MAX_FRAME_SIZE:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"MAX_FRAME_SIZE is {value}")


# What reads a frame, by its type. Each gets the frame's stream, flags and payload.
READERS: tuple[Callable[[Http2Connection, int, int, bytes], None], ...] = (
    _on_padded_data,
    _on_headers,
    _on_priority,
    _on_rst_stream,
    _on_settings,
    _on_push_promise,
    _on_ping,
    _on_goaway,
    _on_window_update,
    _on_continuation,
)
