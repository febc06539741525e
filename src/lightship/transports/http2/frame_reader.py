"""Cuts what a client sends into frames, and passes them on to the connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lightship.transports.http2.frames import (
    DATA,
    DEFAULT_FRAME_SIZE,
    END_HEADERS,
    END_STREAM,
    HEAD_BYTES,
    HEADERS,
    MAX_STREAM,
    MAX_WINDOW,
    PADDED,
    PREFACE,
    WITH_PRIORITY,
    ConnectionFault,
    ErrorCode,
    read_head,
    window_update,
)

if TYPE_CHECKING:
    from lightship.transports.http2.connection import Http2Connection

_JOINED = 1 << 10  # bytes of a DATA frame that is passed on together with the one before it
_FRAMES_AT_ONCE = 500  # frames that are read before other connections have their turn; about a millisecond


class FrameReader:
    """Reads one connection's frames. The body of a DATA frame is passed on as it comes.

    `unread` is True while complete frames may wait for the connection's next turn.
    """

    __slots__ = ("_begun", "_body", "_connection", "_rest", "unread")

    def __init__(self, connection: Http2Connection) -> None:
        self._connection = connection
        self._rest = b""  # the beginning of a frame that is not complete
        self.unread = False
        self._begun = False  # the preface has come
        self._body: tuple[int, int, int] | None = None  # the stream, bytes left and flags of a DATA frame that goes on

    def feed(self, data: bytes) -> None:
        """Reads complete frames, all unless they are very many. Raises ConnectionFault for what is not allowed."""
        connection = self._connection
        if self._rest:
            data = self._rest + data
            self._rest = b""
        position = 0
        if not self._begun:
            if not self._read_preface(data):
                self._rest = data
                return
            position = len(PREFACE)
        if self._body is not None:
            position = self._continue_body(data)
        size = len(data)
        streams = connection.streams
        for _ in range(_FRAMES_AT_ONCE):
            if size - position < HEAD_BYTES:
                break
            start, flags, number = read_head(data, position)
            kind, number = start & 0xFF, number & MAX_STREAM
            position += HEAD_BYTES
            end = position + (start >> 8)
            if end - position > DEFAULT_FRAME_SIZE:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"a frame has {end - position} bytes")
            if end > size:
                if kind == DATA and not flags & PADDED:
                    self._begin_body(number, flags, data[position:], end - position)
                    return
                position -= HEAD_BYTES
                break
            if kind == DATA and not flags & PADDED and connection.block is None:
                stream = streams.get(number)
                length = end - position
                if (
                    stream is not None
                    and flags & END_STREAM
                    and (stream.body_left is None or stream.body_left == length)
                    and not stream.ended
                ):
                    # The usual case, a body in one frame.
                    connection.receive_window -= length
                    stream.receive_window -= length
                    if stream.receive_window >= 0:
                        stream.ended = True
                        stream.handler.on_data(data[position:end], True)
                    else:
                        connection.refuse_stream(stream, ErrorCode.FLOW_CONTROL_ERROR)
                elif flags:
                    connection.on_data(number, flags, data[position:end], end - position)
                else:
                    body, end = _joined_bodies(data, position, end, number)
                    connection.on_data(number, 0, body, len(body))
            elif kind == HEADERS and flags & END_HEADERS and not flags & (PADDED | WITH_PRIORITY):
                connection.check_order(kind, number)
                connection.on_header_block(number, flags, data[position:end])
            else:
                connection.on_frame(kind, number, flags, data[position:end])
            position = end
        else:
            self._read_later()
        if position < size:
            self._rest = data[position:]
        if connection.receive_window < MAX_WINDOW >> 1:
            connection.output.write(window_update(0, MAX_WINDOW - connection.receive_window))
            connection.receive_window = MAX_WINDOW

    def _read_later(self) -> None:
        """Lets other connections have their turn before more frames of this one are read."""
        if not self.unread:
            self.unread = True
            self._connection.transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._connection.read_more)

    def _read_preface(self, data: bytes) -> bool:
        if not data.startswith(PREFACE):
            if PREFACE.startswith(data):
                return False
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "this is not HTTP/2")
        self._begun = True
        return True

    def _begin_body(self, number: int, flags: int, data: bytes, length: int) -> None:
        """Passes on the beginning of a DATA frame whose rest has not come yet."""
        self._connection.on_data(number, flags & ~END_STREAM, data, length)
        self._body = number, length - len(data), flags

    def _continue_body(self, data: bytes) -> int:
        """Passes on more of a DATA frame, and returns the position behind it in `data`."""
        assert self._body is not None
        number, left, flags = self._body
        part = data[:left]
        left -= len(part)
        self._body = None if not left else (number, left, flags)
        stream = self._connection.streams.get(number)
        if stream is not None and not stream.ended:
            self._connection.deliver(stream, part, not left and bool(flags & END_STREAM))
        return len(part)


def _joined_bodies(data: bytes, start: int, end: int, number: int) -> tuple[bytes, int]:
    """Returns the body of a DATA frame, and of those that follow it for the same stream, and where they end.

    Only complete frames without flags are joined, and no small ones: of these, few may be read at once.
    """
    view = memoryview(data)
    bodies: list[bytes | memoryview] = [data[start:end]]
    while len(data) - end >= HEAD_BYTES:
        head, flags, other = read_head(data, end)
        length, start = head >> 8, end + HEAD_BYTES
        usual = head & 0xFF == DATA and not flags and other & MAX_STREAM == number
        if not usual or not _JOINED <= length <= DEFAULT_FRAME_SIZE or start + length > len(data):
            break
        end = start + length
        bodies.append(view[start:end])
    return b"".join(bodies), end
