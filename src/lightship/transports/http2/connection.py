"""One HTTP/2 connection: reads the client's frames and keeps the state of its streams."""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections.abc import Callable
from typing import cast

from lightship.memory_budget import Reservation
from lightship.transports.connections import Connections, Standing, Waits
from lightship.transports.http2 import rates
from lightship.transports.http2.application import NO_HANDLER, Application, Handler
from lightship.transports.http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    DEFAULT_FRAME_SIZE,
    DEFAULT_TABLE_SIZE,
    DEFAULT_WINDOW,
    END_HEADERS,
    END_STREAM,
    HEAD_BYTES,
    HEADERS,
    MAX_FRAME_SIZE,
    MAX_STREAM,
    MAX_WINDOW,
    PADDED,
    PING,
    PREFACE,
    SETTINGS,
    SETTINGS_ACK,
    WITH_PRIORITY,
    ConnectionFault,
    ErrorCode,
    Setting,
    frame,
    goaway,
    read_head,
    read_settings,
    read_u32,
    rst_stream,
    settings,
    window_update,
)
from lightship.transports.http2.header_block import HeaderBlock
from lightship.transports.http2.headers import HeaderDecoder, RequestHead, field_fault
from lightship.transports.http2.lifetime import Due, Lifetime
from lightship.transports.http2.options import Http2Options
from lightship.transports.http2.output import Output
from lightship.transports.http2.pings import PingChecker
from lightship.transports.http2.rates import Rates
from lightship.transports.http2.stream import Stream
from lightship.transports.stalled import Held

_HIGH_WATER = 512 << 10  # bytes that may wait in the transport before streams stop to write
_FRAMES_AT_ONCE = 500  # frames that are read before other connections have their turn; about a millisecond
_MAX_CUT_OFF = 2000  # streams that ended before the client had sent all, and of which more frames may come
_LINGER = 1.0  # seconds for a client to answer the last PING, or to read why its connection ends
_DRAIN_PING = b"draining"
_KEEPALIVE_PING = b"keepaliv"


class Http2Connection(asyncio.Protocol):
    """An asyncio protocol. An `Application` answers the streams.

    `streams` are those that are open. `client` is the client's address, or "" for a UNIX socket. `closed` is True after
    the connection was lost. While the client does not take what was written, nothing more is received.
    """

    transport: asyncio.Transport
    _encrypted: bool
    _lifetime: Lifetime

    def __init__(
        self, application: Application, options: Http2Options, connections: Connections[Http2Connection]
    ) -> None:
        """`connections` are the open connections. This connection is one of them while it is open."""
        self._application, self._options, self._connections = application, options, connections
        self._limits, self._timeouts = options.limits, options.timeouts
        self._rates = Rates(options.limits)
        self._pings = PingChecker(options.pings)
        self._decoder = HeaderDecoder(4 * options.limits.header_list)
        self.output = Output()
        self.streams: dict[int, Stream] = {}
        self.stream_window = options.limits.stream_window
        self.closed = False
        self.client = ""
        self._receive_window = MAX_WINDOW
        self._rest = b""  # the beginning of a frame that is not complete
        self._unread = False  # there may be complete frames in this rest
        self._begun = False  # the preface has come
        self._configured = False  # the client's first settings have come
        self._last_stream = 0  # the highest stream that the client has opened
        self._body: tuple[int, int, int] | None = None  # the stream, bytes left and flags of a DATA frame that goes on
        self._block: HeaderBlock | None = None  # a header block that goes on
        self._cut_off: dict[int, None] = {}  # streams that ended before the client had sent all, oldest first
        self._unsent: Reservation | None = None  # counts what the client does not take
        self._failed = False  # nothing more is read
        self._input_closed = False  # the client has closed its sending side
        self._draining = False
        self._refuse_above = MAX_STREAM  # streams above this one are not answered
        self._drain_deadline = math.inf
        self._begin_by = math.inf  # when the body of every request must have begun

    # The transport's events.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = self.output.transport = cast(asyncio.Transport, transport)
        self._lifetime = Lifetime(self._timeouts, time.monotonic())
        encryption: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        self._encrypted = encryption is not None
        if encryption is not None and encryption.selected_alpn_protocol() != "h2":
            self._failed = True
            self.transport.abort()
            return
        peer = transport.get_extra_info("peername")
        self.client = str(peer[0]) if isinstance(peer, tuple) else ""
        if not self._connections.add(self, self._lifetime.heard_at):
            self._fail(ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many connections are open; try again soon"))
            return
        self.transport.set_write_buffer_limits(high=_HIGH_WATER)
        self.output.write(self._hello())
        self.output.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = self.output.closed = True
        self._connections.discard(self)
        self._unread = False
        self._close_streams()
        self._release_block()
        self._release_unsent()
        self.output.flush()  # drops what was to be written

    def data_received(self, data: bytes) -> None:
        if self._failed:
            return
        self._lifetime.heard_at = time.monotonic()
        self._read(data)

    def _read(self, data: bytes) -> None:
        try:
            self._feed(data)
        except ConnectionFault as fault:
            self._fail(fault)
        self.output.flush()
        if self._draining:
            self._close_if_drained()

    def eof_received(self) -> bool:
        """Keeps the connection open while a client that has closed its sending side waits for answers."""
        while self._unread:
            self._feed_more()
        if self._failed or self._encrypted:  # over TLS, the connection closes in any case
            return False
        for stream in [one for one in self.streams.values() if not one.ended]:
            self._forget(stream).on_closed()
        self._draining, self._refuse_above, self._input_closed = True, self._last_stream, True
        self._lifetime.client_ended()
        return bool(self.streams)

    def pause_writing(self) -> None:
        self.output.writable = False
        unsent = self.transport.get_write_buffer_size()
        self._lifetime.writing_paused(time.monotonic(), unsent)
        if self._unsent is None:
            self._unsent = self._application.budget.reservation()
        self._unsent.hold(unsent)
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.output.writable = True
        self._release_unsent()
        if not self._failed:  # otherwise it closes, and the client still has to take the rest
            self._lifetime.writing_resumed()
        if not self._unread:
            self.transport.resume_reading()
        self.output.flush()

    def _release_block(self) -> None:
        if self._block is not None:
            self._block.release()
            self._block = None

    def _release_unsent(self) -> None:
        if self._unsent is not None:
            self._unsent.release()
            self._unsent = None

    # Receiving.

    def _hello(self) -> bytes:
        ours = {
            Setting.MAX_CONCURRENT_STREAMS: self._limits.streams,
            Setting.INITIAL_WINDOW_SIZE: self._limits.stream_window,
            Setting.MAX_HEADER_LIST_SIZE: self._limits.header_list,
        }
        return settings(ours) + window_update(0, MAX_WINDOW - DEFAULT_WINDOW)

    def _feed(self, data: bytes) -> None:
        """Reads complete frames, all unless they are very many. Raises ConnectionFault for what is not allowed."""
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
        streams = self.streams
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
            if kind == DATA and not flags & PADDED and self._block is None:
                stream = streams.get(number)
                length = end - position
                if (
                    stream is not None
                    and flags & END_STREAM
                    and (stream.body_left is None or stream.body_left == length)
                    and not stream.ended
                ):
                    # The usual case, a body in one frame.
                    self._receive_window -= length
                    stream.receive_window -= length
                    if stream.receive_window >= 0:
                        stream.ended = True
                        stream.handler.on_data(data[position:end], True)
                    else:
                        self._refuse_stream(stream, ErrorCode.FLOW_CONTROL_ERROR)
                else:
                    self._on_data(number, flags, data[position:end], end - position)
            elif kind == HEADERS and flags & END_HEADERS and not flags & (PADDED | WITH_PRIORITY):
                self._check_order(kind, number)
                self._on_header_block(number, flags, data[position:end])
            else:
                self._on_frame(kind, number, flags, data[position:end])
            position = end
        else:
            self._feed_later()
        if position < size:
            self._rest = data[position:]
        if self._receive_window < MAX_WINDOW >> 1:
            self.output.write(window_update(0, MAX_WINDOW - self._receive_window))
            self._receive_window = MAX_WINDOW

    def _feed_later(self) -> None:
        """Lets other connections have their turn before more frames of this one are read."""
        if not self._unread:
            self._unread = True
            self.transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._feed_more)

    def _feed_more(self) -> None:
        if not self._unread or self.closed:
            return
        self._unread = False
        if not self._failed:
            self._read(b"")
        if not self._unread and self.output.writable and not self.closed:
            self.transport.resume_reading()

    def _read_preface(self, data: bytes) -> bool:
        if not data.startswith(PREFACE):
            if PREFACE.startswith(data):
                return False
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "this is not HTTP/2")
        self._begun = True
        return True

    def _check_order(self, kind: int, number: int) -> None:
        """Raises ConnectionFault for a frame that may not come now."""
        if not self._configured and kind != SETTINGS:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS")
        if self._block is not None and (kind != CONTINUATION or number != self._block.number):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a header block is interrupted by another frame")

    def _begin_body(self, number: int, flags: int, data: bytes, length: int) -> None:
        """Passes on the beginning of a DATA frame whose rest has not come yet."""
        self._on_data(number, flags & ~END_STREAM, data, length)
        self._body = number, length - len(data), flags

    def _continue_body(self, data: bytes) -> int:
        """Passes on more of a DATA frame, and returns the position behind it in `data`."""
        assert self._body is not None
        number, left, flags = self._body
        part = data[:left]
        left -= len(part)
        self._body = None if not left else (number, left, flags)
        stream = self.streams.get(number)
        if stream is not None and not stream.ended:
            self._deliver(stream, part, not left and bool(flags & END_STREAM))
        return len(part)

    def _on_data(self, number: int, flags: int, data: bytes, length: int) -> None:
        """Takes a DATA frame. `length` is what it takes from the windows: its padding and what is still to come too."""
        self._check_order(DATA, number)
        self._receive_window -= length
        if self._receive_window < 0:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "more data than the connection's window")
        stream = self.streams.get(number)
        if stream is None or stream.ended:
            self._on_late_frame(number, "DATA")
            if stream is not None:
                self._refuse_stream(stream, ErrorCode.STREAM_CLOSED)
            return
        stream.receive_window -= length
        if stream.receive_window < 0:
            self._refuse_stream(stream, ErrorCode.FLOW_CONTROL_ERROR)
            return
        ended = bool(flags & END_STREAM)
        if not length and not ended:
            self._rates.count(rates.IDLE_FRAMES)
            return
        self._deliver(stream, data, ended)

    def _deliver(self, stream: Stream, data: bytes, ended: bool) -> None:
        if stream.body_left is not None:
            stream.body_left -= len(data)
            if stream.body_left < 0 or (ended and stream.body_left):
                self._refuse_stream(stream, ErrorCode.PROTOCOL_ERROR)
                return
        if ended:
            stream.ended = True
        else:
            stream.received_at = self._lifetime.heard_at
            if stream.receive_window < self.stream_window >> 1:
                self.output.write(window_update(stream.id, self.stream_window - stream.receive_window))
                stream.receive_window = self.stream_window
                self.output.progress = True
        stream.handler.on_data(data, ended)

    def _on_header_block(self, number: int, flags: int, block: bytes) -> None:
        stream = self.streams.get(number)
        if stream is not None:
            self._on_trailers(stream, flags, block)
            return
        head = self._decoder.known(block)
        if head is None:
            self._rates.count(rates.HEADER_BYTES, len(block))
            if number <= self._last_stream:
                self._on_late_headers(number, block)
                return
            head = self._decoder.request(block)
        elif number <= self._last_stream:
            self._on_late_headers(number, block)
            return
        if not number & 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"a client opens the stream {number}")
        self._last_stream = number
        if number > self._refuse_above or len(self.streams) >= self._limits.streams:
            self._refuse(number, flags, ErrorCode.REFUSED_STREAM)
        elif head.fault:
            self._refuse(number, flags, ErrorCode.PROTOCOL_ERROR)
        else:
            self._open(number, head, bool(flags & END_STREAM))

    def _open(self, number: int, head: RequestHead, ended: bool) -> None:
        stream = self.streams[number] = Stream(self, number, head)
        if ended:
            stream.ended = True
            if stream.body_left:
                del self.streams[number]
                self._refuse(number, END_STREAM, ErrorCode.PROTOCOL_ERROR)
                return
        handler = self._application.open(stream, ended)
        if not stream.closed:
            stream.handler = handler

    def _refuse(self, number: int, flags: int, code: ErrorCode) -> None:
        self._rates.count(rates.RESETS)
        if not flags & END_STREAM:
            self._remember_cut_off(number)
        self.output.write(rst_stream(number, code))

    def _on_trailers(self, stream: Stream, flags: int, block: bytes) -> None:
        self._rates.count(rates.HEADER_BYTES, len(block))
        fields = self._decoder.trailers(block)
        if stream.ended:
            self._refuse_stream(stream, ErrorCode.STREAM_CLOSED)
        elif not flags & END_STREAM or any(field_fault(name, value) for name, value in fields):
            self._refuse_stream(stream, ErrorCode.PROTOCOL_ERROR)
        else:
            self._deliver(stream, b"", True)

    def _on_late_headers(self, number: int, block: bytes) -> None:
        """Takes a header block of a stream that is not open any more."""
        self._decoder.trailers(block)
        if number not in self._cut_off:
            last = number and number == self._last_stream
            code = ErrorCode.STREAM_CLOSED if last else ErrorCode.PROTOCOL_ERROR
            raise ConnectionFault(code, f"HEADERS for the stream {number}, which has ended")
        self._rates.count(rates.IDLE_FRAMES)

    def _on_late_frame(self, number: int, name: str) -> None:
        """Takes a frame of a stream that is not open. Resets the stream if the client should know that it has ended."""
        if not number or number > self._last_stream:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"{name} for the stream {number}, which is not open")
        if number not in self._cut_off and name == "DATA" and number not in self.streams:
            self._rates.count(rates.IDLE_FRAMES)
            self.output.write(rst_stream(number, ErrorCode.STREAM_CLOSED))

    def _on_frame(self, kind: int, number: int, flags: int, payload: bytes) -> None:
        """Takes a complete frame that is not one of the usual ones."""
        self._check_order(kind, number)
        if kind < len(_FRAMES):
            _FRAMES[kind](self, number, flags, payload)
        else:
            self._rates.count(rates.IDLE_FRAMES)

    def _on_padded_data(self, number: int, flags: int, payload: bytes) -> None:
        data = _without_padding(payload, flags)
        if not data and not flags & END_STREAM:
            self._rates.count(rates.IDLE_FRAMES)
        self._on_data(number, flags, data, len(payload))

    def _on_headers(self, number: int, flags: int, payload: bytes) -> None:
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
            self._on_header_block(number, flags, block)
            return
        self._block = HeaderBlock(number, flags, block, self._limits, self._application.budget)
        self._lifetime.headers_begun()

    def _on_continuation(self, number: int, flags: int, payload: bytes) -> None:
        block = self._block
        if block is None:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without HEADERS")
        block.add(payload)
        if flags & END_HEADERS:
            self._block = None
            self._lifetime.headers_complete()
            self._on_header_block(number, block.flags, block.complete())

    def _on_priority(self, number: int, flags: int, payload: bytes) -> None:
        """Priorities are not used (RFC 9113, 5.3.2)."""
        self._rates.count(rates.IDLE_FRAMES)
        if not number:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PRIORITY for the stream 0")
        stream = self.streams.get(number)
        if len(payload) != 5:
            if stream is None:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"PRIORITY has {len(payload)} bytes")
            self._refuse_stream(stream, ErrorCode.FRAME_SIZE_ERROR)
        elif stream is not None and read_u32(payload)[0] & MAX_STREAM == number:
            self._refuse_stream(stream, ErrorCode.PROTOCOL_ERROR)

    def _on_rst_stream(self, number: int, flags: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"RST_STREAM has {len(payload)} bytes")
        self._rates.count(rates.RESETS)
        stream = self.streams.get(number)
        if stream is None:
            self._on_late_frame(number, "RST_STREAM")
            return
        self._forget(stream).on_closed()

    def _on_settings(self, number: int, flags: int, payload: bytes) -> None:
        if number:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"SETTINGS for the stream {number}")
        self._rates.count(rates.SETTINGS)
        if flags & ACK:
            if payload:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "an acknowledgement of SETTINGS has a payload")
            return
        if len(payload) % 6:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"SETTINGS has {len(payload)} bytes")
        theirs = dict(read_settings(payload))
        for key, value in read_settings(payload):
            _check_setting(key, value)
        self._apply(theirs)
        self.output.write(SETTINGS_ACK)
        if not self._configured:
            self._configured = True
            self._lifetime.headers_complete()

    def _apply(self, theirs: dict[int, int]) -> None:
        output = self.output
        table = theirs.get(Setting.HEADER_TABLE_SIZE, DEFAULT_TABLE_SIZE)
        output.apply_settings(theirs.get(Setting.MAX_FRAME_SIZE), smaller_table=table < DEFAULT_TABLE_SIZE)
        change = theirs.get(Setting.INITIAL_WINDOW_SIZE, output.stream_window) - output.stream_window
        if not change:
            return
        output.stream_window += change
        for stream in self.streams.values():
            stream.send_window += change
            if stream.send_window > MAX_WINDOW:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window exceeds 2^31-1 bytes")
            output.resume(stream)

    def _on_push_promise(self, number: int, flags: int, payload: bytes) -> None:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a client sends PUSH_PROMISE")

    def _on_ping(self, number: int, flags: int, payload: bytes) -> None:
        if number:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"PING for the stream {number}")
        if len(payload) != 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"PING has {len(payload)} bytes")
        self._rates.count(rates.PINGS)
        if not flags & ACK:
            if self.output.progress:  # clients measure with pings how fast a body comes
                self.output.progress = False
                self._pings.answered()
            self._pings.check(time.monotonic(), bool(self.streams))
            self.output.write(frame(PING, ACK, 0, payload))
        elif payload == _DRAIN_PING and self._draining:
            self._finish_drain()

    def _on_goaway(self, number: int, flags: int, payload: bytes) -> None:
        if number:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"GOAWAY for the stream {number}")
        if len(payload) < 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"GOAWAY has {len(payload)} bytes")
        self._rates.count(rates.IDLE_FRAMES)

    def _on_window_update(self, number: int, flags: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"WINDOW_UPDATE has {len(payload)} bytes")
        self._rates.count(rates.WINDOW_UPDATES)
        increment = read_u32(payload)[0] & MAX_STREAM
        if not number:
            self.output.grow_window(increment)
            return
        stream = self.streams.get(number)
        if stream is None:
            self._on_late_frame(number, "WINDOW_UPDATE")
            return
        stream.send_window += increment
        if not increment or stream.send_window > MAX_WINDOW:
            code = ErrorCode.FLOW_CONTROL_ERROR if increment else ErrorCode.PROTOCOL_ERROR
            self._refuse_stream(stream, code)
        else:
            self.output.resume(stream)

    # The end of streams.

    def close_stream(self, stream: Stream) -> None:
        """Ends a stream whose last frame was written. A client that still sends is told to stop."""
        self._pings.answered()
        if not stream.ended:
            self.output.write(rst_stream(stream.id, ErrorCode.NO_ERROR))
            self._remember_cut_off(stream.id)
        self._forget(stream)

    def reset_stream(self, stream: Stream, code: ErrorCode) -> Handler:
        """Ends a stream early. Returns its handler."""
        self.output.write(rst_stream(stream.id, code))
        self._remember_cut_off(stream.id)
        return self._forget(stream)

    def _refuse_stream(self, stream: Stream, code: ErrorCode) -> None:
        """Ends a stream because of what the client sent, and tells its handler."""
        self._rates.count(rates.RESETS)
        self.reset_stream(stream, code).on_closed()

    def _forget(self, stream: Stream) -> Handler:
        """Removes a stream. Returns its handler, which the stream loses so that the two are no cycle."""
        handler, stream.handler = stream.handler, NO_HANDLER
        stream.closed, stream.pending = True, None
        self.streams.pop(stream.id, None)
        if stream.memory is not None:
            stream.memory.release()
        if self._draining and not self.streams:
            asyncio.get_running_loop().call_soon(self._close_if_drained)
        return handler

    def _remember_cut_off(self, number: int) -> None:
        self._cut_off[number] = None
        if len(self._cut_off) > _MAX_CUT_OFF:
            del self._cut_off[next(iter(self._cut_off))]

    def _close_streams(self) -> None:
        for stream in list(self.streams.values()):
            self._forget(stream).on_closed()

    # The end of the connection.

    def _fail(self, fault: ConnectionFault) -> None:
        """Says what the client did wrong, and closes."""
        self._failed = True
        self.output.write(goaway(self._last_stream, fault.code, fault.reason[:100]))
        self.output.flush()
        self._close_streams()
        self._release_block()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER, self.transport.abort)

    def drain(self) -> None:
        """Takes no new streams, and closes when those that have begun are answered.

        Streams that the client opened before it learned of this are answered too: it has learned of it when it answers
        a PING.
        """
        if self._draining or self._failed or self.closed:
            return
        self._draining = True
        self._drain_deadline = time.monotonic() + _LINGER
        self.output.write(goaway(MAX_STREAM, ErrorCode.NO_ERROR) + frame(PING, 0, 0, _DRAIN_PING))
        self.output.flush_soon()

    def end_soon(self) -> None:
        """Drains, and gives the client less time for its requests and for the answers, because the server is to end."""
        if self._begin_by == math.inf and not self.closed:
            now, self._timeouts = time.monotonic(), self._options.timeouts.while_draining
            self._begin_by = now + self._timeouts.drain_stall
            self._lifetime.hurry(self._timeouts, now)
        self.drain()

    def _finish_drain(self) -> None:
        self._drain_deadline = math.inf
        if self._refuse_above == MAX_STREAM:
            self._refuse_above = self._last_stream
            self.output.write(goaway(self._last_stream, ErrorCode.NO_ERROR))
            self.output.flush()
            self._close_if_drained()

    def _close_if_drained(self) -> None:
        if self._refuse_above < MAX_STREAM and not self.streams and not self.closed:
            self._failed = True
            self.output.flush()
            self._lifetime.writing_paused(time.monotonic(), self.transport.get_write_buffer_size())
            self.transport.close()

    @property
    def standing(self) -> Standing | None:
        """What the connection waits for, or None if a call waits for this server."""
        since, streams = self._lifetime.heard_at, self.streams.values()
        if not streams:
            begun = self._configured and self._block is None
            return Standing(Waits.REQUEST if begun else Waits.HEAD, since)
        if any(stream.ended and not stream.pending for stream in streams):
            return None
        return Standing(Waits.WRITE if all(stream.ended for stream in streams) else Waits.BODY, since)

    def evict(self) -> bool:
        """Closes the connection to make room for another one."""
        if not self._failed:
            self._fail(ConnectionFault(ErrorCode.NO_ERROR, "closed to make room for another connection"))
        self.transport.abort()
        return True

    @property
    def held(self) -> Held | None:
        """What memory it holds that the client does not take, or None."""
        if self._unsent is None:
            return None
        return Held(None, self._unsent.counted, -self.transport.get_write_buffer_size())

    def take_back(self) -> None:
        """Cuts off a client that does not take what was sent."""
        self.transport.abort()

    def check(self, now: float) -> None:
        """Ends what takes too long. Must be called several times a second, with the time by `time.monotonic`."""
        if self.closed:
            return
        due = self._lifetime.due(now, streams=len(self.streams), untaken=self.transport.get_write_buffer_size())
        if self._failed:
            if due in (Due.TOO_SLOW, Due.ABORT):
                self.transport.abort()
            return
        match due:
            case Due.TOO_SLOW:
                self._fail(ConnectionFault(ErrorCode.SETTINGS_TIMEOUT, "the headers did not come in time"))
                return
            case Due.ABORT:
                self.transport.abort()
                return
            case Due.DRAIN:
                self.drain()
            case Due.PING:
                self.output.write(frame(PING, 0, 0, _KEEPALIVE_PING))
        if now >= self._drain_deadline:
            self._finish_drain()
        for stream in list(self.streams.values()):
            self._check_stream(stream, now)
        self.output.flush()

    def _check_stream(self, stream: Stream, now: float) -> None:
        timeouts = self._timeouts
        # A client that has closed its sending side cannot grow a window any more.
        blocked = self._input_closed and stream.pending and min(stream.send_window, self.output.window) <= 0
        if blocked or stream.stalls(now, timeouts.write):
            self.reset_stream(stream, ErrorCode.CANCEL).on_closed()
        elif not stream.ended and stream.received_at and now - stream.received_at > timeouts.body:
            stream.received_at = 0.0
            stream.handler.on_stalled()
        elif not stream.ended and not stream.received_at and now >= self._begin_by:
            self.reset_stream(stream, ErrorCode.REFUSED_STREAM).on_closed()


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


# What reads a frame, by its type.
_FRAMES: tuple[Callable[[Http2Connection, int, int, bytes], None], ...] = (
    Http2Connection._on_padded_data,
    Http2Connection._on_headers,
    Http2Connection._on_priority,
    Http2Connection._on_rst_stream,
    Http2Connection._on_settings,
    Http2Connection._on_push_promise,
    Http2Connection._on_ping,
    Http2Connection._on_goaway,
    Http2Connection._on_window_update,
    Http2Connection._on_continuation,
)
