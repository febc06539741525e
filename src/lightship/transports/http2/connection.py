"""One HTTP/2 connection: the state of its streams, and how they and the connection begin and end."""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from typing import cast

from lightship.memory_budget import Reservation
from lightship.transports.connections import Connections, Standing, Waits
from lightship.transports.http2.application import NO_HANDLER, Application, Handler
from lightship.transports.http2.control_frames import DRAIN_PING, READERS
from lightship.transports.http2.frame_reader import FrameReader
from lightship.transports.http2.frames import (
    CONTINUATION,
    DATA,
    DEFAULT_WINDOW,
    END_STREAM,
    MAX_STREAM,
    MAX_WINDOW,
    PING,
    SETTINGS,
    ConnectionFault,
    ErrorCode,
    Setting,
    frame,
    goaway,
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
from lightship.transports.http2.rates import HEADER_BYTES, IDLE_FRAMES, RESETS, Rates
from lightship.transports.http2.stream import Stream
from lightship.transports.sockets import has_gone
from lightship.transports.stalled import Held

_HIGH_WATER = 512 << 10  # bytes that may wait in the transport before streams stop to write
_MAX_CUT_OFF = 2000  # streams that ended before the client had sent all, and of which more frames may come
_LINGER = 1.0  # seconds for a client to answer the last PING, or to read why its connection ends
_KEEPALIVE_PING = b"keepaliv"


class Http2Connection(asyncio.Protocol):
    """An asyncio protocol. An `Application` answers the streams.

    `streams` are those that are open. `client` is the client's address, or "" for a UNIX socket. `closed` is True after
    the connection was lost. While the client does not take what was written, nothing more is received.
    """

    transport: asyncio.Transport
    _encrypted: bool
    lifetime: Lifetime

    def __init__(
        self, application: Application, options: Http2Options, connections: Connections[Http2Connection]
    ) -> None:
        """`connections` are the open connections. This connection is one of them while it is open."""
        self._application, self._options, self._connections = application, options, connections
        self.budget = application.budget
        self.limits, self._timeouts = options.limits, options.timeouts
        self.rates = Rates(options.limits)
        self.pings = PingChecker(options.pings)
        self._decoder = HeaderDecoder(4 * options.limits.header_list)
        self.output = Output()
        self.streams: dict[int, Stream] = {}
        self.stream_window = options.limits.stream_window
        self.closed = False
        self.client = ""
        self.receive_window = MAX_WINDOW
        self._reader = FrameReader(self)
        self.configured = False  # the client's first settings have come
        self._last_stream = 0  # the highest stream that the client has opened
        self.block: HeaderBlock | None = None  # a header block that goes on
        self._cut_off: dict[int, None] = {}  # streams that ended before the client had sent all, oldest first
        self._unsent: Reservation | None = None  # counts what the client does not take
        self._failed = False  # nothing more is read
        self._input_closed = False  # the client has closed its sending side
        self.draining = False
        self._refuse_above = MAX_STREAM  # streams above this one are not answered
        self._drain_deadline = math.inf
        self._begin_by = math.inf  # when the body of every request must have begun

    # The transport's events.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = self.output.transport = cast(asyncio.Transport, transport)
        self.lifetime = Lifetime(self._timeouts, time.monotonic())
        encryption: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        self._encrypted = encryption is not None
        if encryption is not None and encryption.selected_alpn_protocol() != "h2":
            self._failed = True
            self.transport.abort()
            return
        peer = transport.get_extra_info("peername")
        self.client = str(peer[0]) if isinstance(peer, tuple) else ""
        if not self._connections.add(self, self.lifetime.heard_at):
            self._fail(ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many connections are open; try again soon"))
            return
        self.transport.set_write_buffer_limits(high=_HIGH_WATER)
        self.output.write(self._hello())
        self.output.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = self.output.closed = True
        self._connections.discard(self)
        self._reader.unread = False
        self._close_streams()
        self._release_block()
        self._release_unsent()
        self.output.flush()  # drops what was to be written

    def data_received(self, data: bytes) -> None:
        if self._failed:
            return
        self.lifetime.heard_at = time.monotonic()
        self._read(data)

    def _read(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
        except ConnectionFault as fault:
            self._fail(fault)
        self.output.flush()
        if self.draining:
            self._close_if_drained()

    def eof_received(self) -> bool:
        """Keeps the connection open while a client that has closed its sending side waits for answers.

        If it has gone, its system refuses the GOAWAY that it is sent, which `check` notices.
        """
        while self._reader.unread:
            self.read_more()
        if self._failed or self._encrypted:  # over TLS, the connection closes in any case
            return False
        for stream in [one for one in self.streams.values() if not one.ended]:
            self.forget(stream).on_closed()
        self.draining, self._refuse_above, self._input_closed = True, self._last_stream, True
        self.lifetime.client_ended()
        if self.streams:
            self.output.write(goaway(self._last_stream, ErrorCode.NO_ERROR))
            self.output.flush()
        return bool(self.streams)

    def pause_writing(self) -> None:
        self.output.writable = False
        unsent = self.transport.get_write_buffer_size()
        self.lifetime.writing_paused(time.monotonic(), unsent)
        if self._unsent is None:
            self._unsent = self._application.budget.reservation()
        self._unsent.hold(unsent)
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.output.writable = True
        self._release_unsent()
        if not self._failed:  # otherwise it closes, and the client still has to take the rest
            self.lifetime.writing_resumed()
        if not self._reader.unread:
            self.transport.resume_reading()
        self.output.flush()

    def _release_block(self) -> None:
        if self.block is not None:
            self.block.release()
            self.block = None

    def _release_unsent(self) -> None:
        if self._unsent is not None:
            self._unsent.release()
            self._unsent = None

    # Receiving.

    def _hello(self) -> bytes:
        ours = {
            Setting.MAX_CONCURRENT_STREAMS: self.limits.streams,
            Setting.INITIAL_WINDOW_SIZE: self.limits.stream_window,
            Setting.MAX_HEADER_LIST_SIZE: self.limits.header_list,
        }
        return settings(ours) + window_update(0, MAX_WINDOW - DEFAULT_WINDOW)

    def read_more(self) -> None:
        """Reads frames that wait for this connection's turn."""
        if not self._reader.unread or self.closed:
            return
        self._reader.unread = False
        if not self._failed:
            self._read(b"")
        if not self._reader.unread and self.output.writable and not self.closed:
            self.transport.resume_reading()

    def check_order(self, kind: int, number: int) -> None:
        """Raises ConnectionFault for a frame that may not come now."""
        if not self.configured and kind != SETTINGS:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS")
        if self.block is not None and (kind != CONTINUATION or number != self.block.number):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a header block is interrupted by another frame")

    def on_data(self, number: int, flags: int, data: bytes, length: int) -> None:
        """Takes a DATA frame. `length` is what it takes from the windows: its padding and what is still to come too."""
        self.check_order(DATA, number)
        self.receive_window -= length
        if self.receive_window < 0:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "more data than the connection's window")
        stream = self.streams.get(number)
        if stream is None or stream.ended:
            self.on_late_frame(number, "DATA")
            if stream is not None:
                self.refuse_stream(stream, ErrorCode.STREAM_CLOSED)
            return
        stream.receive_window -= length
        if stream.receive_window < 0:
            self.refuse_stream(stream, ErrorCode.FLOW_CONTROL_ERROR)
            return
        ended = bool(flags & END_STREAM)
        if not length and not ended:
            self.rates.count(IDLE_FRAMES)
            return
        self.deliver(stream, data, ended)

    def deliver(self, stream: Stream, data: bytes, ended: bool) -> None:
        if stream.body_left is not None:
            stream.body_left -= len(data)
            if stream.body_left < 0 or (ended and stream.body_left):
                self.refuse_stream(stream, ErrorCode.PROTOCOL_ERROR)
                return
        if ended:
            stream.ended = True
        else:
            stream.received_at = self.lifetime.heard_at
            if stream.receive_window < self.stream_window >> 1:
                self.output.write(window_update(stream.id, self.stream_window - stream.receive_window))
                stream.receive_window = self.stream_window
                self.output.progress = True
        stream.handler.on_data(data, ended)

    def on_header_block(self, number: int, flags: int, block: bytes) -> None:
        stream = self.streams.get(number)
        if stream is not None:
            self._on_trailers(stream, flags, block)
            return
        head = self._decoder.known(block)
        if head is None:
            self.rates.count(HEADER_BYTES, len(block))
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
        if number > self._refuse_above or len(self.streams) >= self.limits.streams:
            self._refuse(number, flags, head, ErrorCode.REFUSED_STREAM)
        elif head.fault:
            self._refuse(number, flags, head, ErrorCode.PROTOCOL_ERROR)
        else:
            self._open(number, head, bool(flags & END_STREAM))

    def _open(self, number: int, head: RequestHead, ended: bool) -> None:
        stream = self.streams[number] = Stream(self, number, head)
        if ended:
            stream.ended = True
            if stream.body_left:
                del self.streams[number]
                self._refuse(number, END_STREAM, head, ErrorCode.PROTOCOL_ERROR)
                return
        handler = self._application.open(stream, ended)
        if not stream.closed:
            stream.handler = handler

    def _refuse(self, number: int, flags: int, head: RequestHead, code: ErrorCode) -> None:
        self.rates.count(RESETS)
        if not flags & END_STREAM:
            self._remember_cut_off(number)
        self.output.write(rst_stream(number, code))
        self._application.on_refused(self, head, code)

    def _on_trailers(self, stream: Stream, flags: int, block: bytes) -> None:
        self.rates.count(HEADER_BYTES, len(block))
        fields = self._decoder.trailers(block)
        if stream.ended:
            self.refuse_stream(stream, ErrorCode.STREAM_CLOSED)
        elif not flags & END_STREAM or any(field_fault(name, value) for name, value in fields):
            self.refuse_stream(stream, ErrorCode.PROTOCOL_ERROR)
        else:
            self.deliver(stream, b"", True)

    def _on_late_headers(self, number: int, block: bytes) -> None:
        """Takes a header block of a stream that is not open any more."""
        self._decoder.trailers(block)
        if number not in self._cut_off:
            last = number and number == self._last_stream
            code = ErrorCode.STREAM_CLOSED if last else ErrorCode.PROTOCOL_ERROR
            raise ConnectionFault(code, f"HEADERS for the stream {number}, which has ended")
        self.rates.count(IDLE_FRAMES)

    def on_late_frame(self, number: int, name: str) -> None:
        """Takes a frame of a stream that is not open. Resets the stream if the client should know that it has ended."""
        if not number or number > self._last_stream:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"{name} for the stream {number}, which is not open")
        if number not in self._cut_off and name == "DATA" and number not in self.streams:
            self.rates.count(IDLE_FRAMES)
            self.output.write(rst_stream(number, ErrorCode.STREAM_CLOSED))

    def on_frame(self, kind: int, number: int, flags: int, payload: bytes) -> None:
        """Takes a complete frame that is not one of the usual ones."""
        self.check_order(kind, number)
        if kind < len(READERS):
            READERS[kind](self, number, flags, payload)
        else:
            self.rates.count(IDLE_FRAMES)

    # The end of streams.

    def close_stream(self, stream: Stream) -> None:
        """Ends a stream whose last frame was written. A client that still sends is told to stop."""
        self.pings.answered()
        if not stream.ended:
            self.output.write(rst_stream(stream.id, ErrorCode.NO_ERROR))
            self._remember_cut_off(stream.id)
        self.forget(stream)

    def reset_stream(self, stream: Stream, code: ErrorCode) -> Handler:
        """Ends a stream early. Returns its handler."""
        self.output.write(rst_stream(stream.id, code))
        self._remember_cut_off(stream.id)
        return self.forget(stream)

    def refuse_stream(self, stream: Stream, code: ErrorCode) -> None:
        """Ends a stream because of what the client sent, and tells its handler."""
        self.rates.count(RESETS)
        self.reset_stream(stream, code).on_closed()

    def forget(self, stream: Stream) -> Handler:
        """Removes a stream. Returns its handler, which the stream loses so that the two are no cycle."""
        handler, stream.handler = stream.handler, NO_HANDLER
        stream.closed, stream.pending = True, None
        self.streams.pop(stream.id, None)
        if stream.memory is not None:
            stream.memory.release()
        if self.draining and not self.streams:
            asyncio.get_running_loop().call_soon(self._close_if_drained)
        return handler

    def _remember_cut_off(self, number: int) -> None:
        self._cut_off[number] = None
        if len(self._cut_off) > _MAX_CUT_OFF:
            del self._cut_off[next(iter(self._cut_off))]

    def _close_streams(self) -> None:
        for stream in list(self.streams.values()):
            self.forget(stream).on_closed()

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
        if self.draining or self._failed or self.closed:
            return
        self.draining = True
        self._drain_deadline = time.monotonic() + _LINGER
        self.output.write(goaway(MAX_STREAM, ErrorCode.NO_ERROR) + frame(PING, 0, 0, DRAIN_PING))
        self.output.flush_soon()

    def end_soon(self) -> None:
        """Drains, and gives the client less time for its requests and for the answers, because the server is to end."""
        if self._begin_by == math.inf and not self.closed:
            now, self._timeouts = time.monotonic(), self._options.timeouts.while_draining
            self._begin_by = now + self._timeouts.drain_stall
            self.lifetime.hurry(self._timeouts, now)
        self.drain()

    def finish_drain(self) -> None:
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
            self.lifetime.writing_paused(time.monotonic(), self.transport.get_write_buffer_size())
            self.transport.close()

    @property
    def standing(self) -> Standing | None:
        """What the connection waits for, or None if a call waits for this server."""
        since, streams = self.lifetime.heard_at, self.streams.values()
        if not streams:
            begun = self.configured and self.block is None
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
        if self._input_closed and has_gone(self.transport):
            self.transport.abort()
            return
        due = self.lifetime.due(now, streams=len(self.streams), untaken=self.transport.get_write_buffer_size())
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
            self.finish_drain()
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
