"""One stream of a connection, and what the application answers on it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from lightship.memory_budget import Reservation
from lightship.transports.http2.application import NO_HANDLER, Handler
from lightship.transports.http2.frames import END_HEADERS, END_STREAM, HEADERS, ErrorCode, write_head
from lightship.transports.http2.headers import RequestHead
from lightship.transports.stalled import Held

if TYPE_CHECKING:
    from lightship.transports.http2.connection import Http2Connection

_LITTLE = 64 << 10  # bytes of an answer that a client must take within the write timeout; or half, if that is less


class Block:
    """A header block, encoded once and used for many answers. It must fit in one frame of 16 KiB.

    `start` and `last` are the first 5 bytes of its frame; `last` ends the stream.
    """

    __slots__ = ("data", "last", "start")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.start = write_head(len(data) << 8 | HEADERS, END_HEADERS, 0)[:5]
        self.last = write_head(len(data) << 8 | HEADERS, END_HEADERS | END_STREAM, 0)[:5]


class Stream:
    """A stream that the client has opened.

    The application answers with `respond`, or with `send` and `finish`, or ends it with `reset`. After it is `closed`,
    these do nothing. What they add is written when the connection's output is flushed.
    """

    __slots__ = (
        *("body_left", "closed", "connection", "ended", "handler", "head", "id", "output", "pending", "pending_bytes"),
        *("memory", "ready", "receive_window", "received_at", "send_window", "trailers"),
        *("_stalled_at", "_stalled_bytes"),
    )

    def __init__(self, connection: Http2Connection, number: int, head: RequestHead) -> None:
        self.connection, self.id, self.head = connection, number, head
        self.output = connection.output
        self.handler: Handler = NO_HANDLER
        self.closed = False
        self.ended = False  # the client has sent all
        self.body_left = head.content_length  # bytes that the client has still to send; None if it has not said
        self.receive_window = connection.stream_window
        self.send_window = connection.output.stream_window
        self.received_at = 0.0  # when the last bytes came of a body that is not complete; 0 if none came
        # What waits to be sent, and then the trailers, if they are known.
        self.pending: deque[memoryview] | None = None
        self.pending_bytes = 0
        self.trailers: Block | None = None
        # What is held for a body that is not complete, or for an answer that waits. Released when the stream has ended.
        self.memory: Reservation | None = None
        self.ready = False  # whether the output knows that this stream can send
        self._stalled_at, self._stalled_bytes = 0.0, 0

    def respond(self, head: Block, body: bytes, trailers: Block) -> None:
        """Sends a whole answer."""
        if not self.respond_at_once(head, body, trailers):
            self.send(head, body)
            self.finish(trailers)

    def respond_at_once(self, head: Block, body: bytes, trailers: Block) -> bool:
        """Sends a whole answer unless a part of it must wait. Returns False if so, and nothing was sent.

        Keeps no reference to the trailers, so that they may be changed and used again.
        """
        if self.closed:
            return True
        if not self.output.write_answer(self, head, body, trailers):
            return False
        self.connection.close_stream(self)
        return True

    def send(self, head: Block | None, *parts: bytes) -> None:
        """Sends the headers, if given, and bytes of the body. They may wait for the client."""
        if self.closed:
            return
        if head is not None:
            self.output.write_block(self.id, head, last=False)
        if self.pending is None:
            self.pending = deque()
        for part in parts:
            if part:
                self.pending.append(memoryview(part))
                self.pending_bytes += len(part)
        self.output.resume(self)

    def finish(self, trailers: Block) -> None:
        """Ends the stream with trailers, or with headers alone if nothing else was sent."""
        if not self.closed:
            self.trailers = trailers
            if not self.pending:
                self.end()

    def reset(self, code: ErrorCode) -> None:
        """Ends the stream early, and drops what waits to be sent."""
        if not self.closed:
            self.connection.reset_stream(self, code)

    def end(self) -> None:
        """Sends the trailers. Everything before them must have been sent."""
        assert self.trailers is not None
        self.output.write_block(self.id, self.trailers, last=True)
        self.connection.close_stream(self)

    @property
    def held(self) -> Held | None:
        """What memory it holds while it waits for its client, or None if it does not wait."""
        memory = self.memory
        if memory is None:
            return None
        if not self.ended:
            return Held(self, memory.counted, memory.held)
        return Held(None, memory.counted, -self.pending_bytes) if self.pending else None

    def take_back(self) -> None:
        """Gives up the body that is being received, or the answer that the client does not take."""
        if self.ended:
            self.connection.reset_stream(self, ErrorCode.CANCEL).on_closed()
        else:
            self.handler.on_stalled(crowded=True)

    def stalls(self, now: float, seconds: float) -> bool:
        """Returns whether the client took too little of what waits for it in the last `seconds`.

        Must be called regularly.
        """
        if not self.pending:
            self._stalled_at = 0.0
            return False
        most = max(self._stalled_bytes - _LITTLE, self._stalled_bytes // 2)
        if not self._stalled_at or (now - self._stalled_at >= seconds and self.pending_bytes <= most):
            self._stalled_at, self._stalled_bytes = now, self.pending_bytes
            return False
        return now - self._stalled_at >= seconds
