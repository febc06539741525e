"""One HTTP/1.1 connection. It answers requests in order, and every wait for the client has a timeout."""

from __future__ import annotations

import asyncio
import math
import socket
from collections import deque
from time import perf_counter
from typing import Any, cast

from lightship.errors import DeadlineExceeded, LightshipError, Unavailable
from lightship.memory_budget import Reservation
from lightship.transports.access_log.record import Recorder
from lightship.transports.connections import Connections, Standing, Waits
from lightship.transports.http.answer_queue import AnswerQueue
from lightship.transports.http.application import Application, Deferred
from lightship.transports.http.body_receiver import DIRECT, BodyReceiver
from lightship.transports.http.known_heads import KnownHeads
from lightship.transports.http.limits import Timeouts
from lightship.transports.http.messages import Response
from lightship.transports.http.request_parser import HEADERS, SLICE, RequestParser
from lightship.transports.http.request_reader import RequestReader
from lightship.transports.http.response_head import CONTINUE, encode_head
from lightship.transports.sockets import has_gone, readable
from lightship.transports.stalled import Held

# Bytes of a response that a client must receive within the write timeout; or half of the rest, if that is less.
_LITTLE = 64 << 10
_TURN = 0.001  # seconds of parsing after which other connections have their turn
_PROBE = 1.0  # seconds after a client has closed its sending side, until it is found out whether it has gone
_ANSWER = 0.5  # seconds for its system to say so
_JOINED = 64 << 10  # bytes; a shorter body is written together with its head, a longer body is not copied


class HttpConnection(asyncio.Protocol):
    """An asyncio protocol. A parser turns received bytes into requests, and an application answers them.

    At any time, one request is being answered, complete requests wait, and the parser reads one more request. While a
    request is being answered, or while the client does not receive its response, no more bytes are received.

    Parsing is done in turns of a millisecond, because a few bytes may mean much work, such as tiny chunks or many
    requests. Until all received bytes are parsed, no more are received.

    `closed` is True after the connection was lost. `answered` is the number of responses. `quiet_since` is the time of
    the last response by the loop's clock.
    """

    transport: asyncio.Transport
    _headers = HEADERS  # what the parser takes note of
    _recorder: Recorder | None = None  # makes the records of requests, if there is an access log

    def __init__(
        self,
        app: Application,
        queue: AnswerQueue[Any],
        timeouts: Timeouts,
        loop: asyncio.AbstractEventLoop,
        connections: Connections[HttpConnection],
        heads: KnownHeads,
    ) -> None:
        """`connections` are the open connections. This connection is one of them while it is open.

        `heads`: those of earlier requests of all connections.
        """
        self._app, self._queue, self._timeouts, self._connections = app, queue, timeouts, connections
        self._time = loop.time
        self._parser = RequestParser(app, self, heads, self._headers)
        self._client = ""
        self._unparsed: memoryview | None = None  # bytes that were received and are not parsed yet
        self._current: RequestReader | None = None
        self._waiting: deque[RequestReader] = deque()
        # The response to the current request, or its future.
        self._response: Response | asyncio.Future[Response] | Deferred | None = None
        self._client_finished = False  # the client has closed its sending side
        self._probed = False  # it was sent something since, which its system refuses if the client has gone
        self._output_full = False  # the client does not receive the bytes that were written
        self._unsent: Reservation | None = None  # counts these bytes
        self._receiving_paused = False
        self._directly = False  # a `BodyReceiver` receives, and the parser sees nothing
        # When the client must have done what the connection waits for, and the number of unsent bytes when this
        # deadline was set.
        self._deadline = math.inf
        self._untaken = 0
        self.closed = False
        self.answered = 0
        self.quiet_since = self._time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._client = self._parser.client = str(peer[0]) if isinstance(peer, tuple) else ""
        now = self._time()
        self._deadline = now + self._timeouts.head
        if not self._connections.add(self, now):
            self._turn_away()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed, self._deadline, self._unparsed = True, math.inf, None
        self._parser.close()
        if isinstance(self._response, asyncio.Future):
            self._response.cancel()
        for request in (self._current, *self._waiting):
            if request is not None:
                request.release()
        self._release_unsent()
        self._current = self._response = None
        self._waiting.clear()
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        if len(data) <= SLICE:
            self._parser.take(data)
        else:
            self._parse(memoryview(data), 0.0 if self._queue.parsing else _TURN)

    def parse_more(self) -> None:
        """Parses some of the bytes that were received and could not be parsed at once."""
        unparsed, self._unparsed = self._unparsed, None
        if unparsed is None:  # the client has disconnected
            return
        self._parse(unparsed, _TURN)
        if self._unparsed is None and not self._waiting:
            self._resume_receiving()

    def _parse(self, data: memoryview, seconds: float) -> None:
        """Parses received bytes for some seconds, and the rest later."""
        parser, start, end = self._parser, 0, perf_counter() + seconds
        while not parser.closed:
            size = parser.slice_size()
            parser.feed(data[start : start + size])
            start += size
            if start >= len(data):
                return
            if perf_counter() >= end and not parser.closed:
                self._unparsed = data[start:]
                self._pause_receiving()
                return self._queue.parse_later(self)

    def eof_received(self) -> bool:
        """Keeps the connection open if the client, which has closed its sending side, may still wait for responses.

        Most clients that do so have closed their connection, which looks the same until something is sent to them.
        """
        self._client_finished = True
        self._parser.close()
        if self._current is not None and not self._output_full:
            self._deadline = self._time() + _PROBE
        return self._busy

    def pause_writing(self) -> None:
        self._output_full = True
        self._untaken = self.transport.get_write_buffer_size()
        self._deadline = self._time() + self._timeouts.write
        self._count_unsent()

    def resume_writing(self) -> None:
        self._output_full = False
        self._release_unsent()
        self._deadline = math.inf if self._current else self._time() + self._timeouts.idle
        self._advance()

    def on_request_begun(self) -> None:
        self._wait_for_client(self._timeouts.head)

    def on_head_complete(self, request: RequestReader) -> None:
        if request.expects_continue and request.http_1_1 and not self._busy:
            self.transport.write(CONTINUE)
        self._wait_for_client(self._timeouts.body)

    def on_body_received(self) -> None:
        self._wait_for_client(self._timeouts.body)
        reading = self._parser.reading
        if reading is not None and reading.size >= DIRECT and not self._directly and not reading.chunked:
            self._receive_directly(reading)

    def _receive_directly(self, reading: RequestReader) -> None:
        """Receives the rest of a large body straight into its buffer."""
        if reading.declared - reading.size >= DIRECT and not self.transport.is_closing():
            self._directly = True
            self._set_protocol(BodyReceiver(self, self._parser))

    def receive_parsed(self) -> None:
        self._directly = False
        if not self.transport.is_closing():
            self._set_protocol(self)

    def _set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Changes who receives. The transport must not be reading meanwhile."""
        if not self._receiving_paused:
            self.transport.pause_reading()
        self.transport.set_protocol(protocol)
        if not self._receiving_paused:
            self.transport.resume_reading()

    def on_request_complete(self, request: RequestReader) -> None:
        """Answers the request soon, or after the requests before it. Until then, no more bytes are received."""
        if not self._busy:
            self._begin(request)
            return
        self._keep(request)
        self._waiting.append(request)
        if len(self._waiting) >= self._app.limits.pipelined:
            request.keep_alive = False
            self._parser.close()
        self._pause_receiving()

    def _keep(self, request: RequestReader) -> None:
        """Counts a request that waits behind another one."""
        if request.response is None:
            try:
                request.keep(0)
            except LightshipError as error:
                request.refuse(self._app.refuse(error))

    def on_request_refused(self, request: RequestReader) -> None:
        self.on_request_complete(request)

    def on_refused_request_ended(self, request: RequestReader) -> None:
        answered = request is not self._current and request not in self._waiting
        if answered and not request.keep_alive:
            self.transport.close()

    def on_request_dropped(self, request: RequestReader) -> None: ...

    def answer(self) -> None:
        """Asks the application for the response to the current request, which may come later."""
        if self._current is not None:
            self._response = self._current.response or self._app.answer(
                self._current.request(self._client, self._recorder)
            )

    def answer_late(self) -> None:
        """Refuses the current request because too many requests wait, or answers it if that is not possible."""
        if self._current is not None:
            request = self._current.request(self._client, self._recorder)
            self._response = self._current.response or self._app.refuse_late(request) or self._app.answer(request)

    def deliver(self) -> None:
        """Writes the response now, or when it comes."""
        response = self._response
        if response is None:  # the client has disconnected
            return
        if not isinstance(response, Response | asyncio.Future):
            response = self._response = response.respond()
        if isinstance(response, Response):
            self._respond(response)
        else:
            response.add_done_callback(self._on_response)

    @property
    def idle(self) -> bool:
        """Whether no request has begun, neither in the parser nor in the bytes that wait in the kernel."""
        if self._busy or self._parser.reading is not None or self._unparsed is not None:
            return False
        connection = cast(socket.socket, self.transport.get_extra_info("socket"))
        return connection is None or not readable(connection)

    @property
    def standing(self) -> Standing | None:
        """What the connection waits for, and since when; or None if it waits for this server."""
        parser, deadline = self._parser, self._deadline
        if self._unparsed is not None or deadline == math.inf:
            return None
        if self._output_full:
            return Standing(Waits.WRITE, deadline - self._timeouts.write)
        if self._busy or parser.closed:
            return None
        if parser.reading is None:
            return Standing(Waits.REQUEST, self.quiet_since)
        if parser.in_head:
            return Standing(Waits.HEAD, deadline - self._timeouts.head)
        return Standing(Waits.BODY, deadline - self._timeouts.body)

    def evict(self) -> bool:
        """Closes the connection for another one. Returns False if bytes have arrived that are not read yet."""
        connection = cast(socket.socket, self.transport.get_extra_info("socket"))
        if connection is not None and readable(connection) and not self._output_full:
            return False
        self._parser.close()
        self.transport.abort()
        return True

    @property
    def held(self) -> Held | None:
        """What memory it holds while it waits for its client, or None if it does not wait."""
        standing, reading = self.standing, self._parser.reading
        if standing is None or standing.waits is Waits.REQUEST:
            return None
        if standing.waits is Waits.WRITE:
            memory = sum(request.memory.counted for request in self._waiting)
            memory += self._unsent.counted if self._unsent is not None else 0
            return Held(None, memory, -self.transport.get_write_buffer_size())
        if reading is None or reading.response is not None:
            return None
        return Held(reading, reading.memory.counted, reading.received)

    def take_back(self) -> None:
        """Gives up the request that is being received, or the responses that the client does not receive."""
        if self._output_full or self._parser.in_head or self._parser.reading is None:
            self.transport.abort()
        else:
            text = "hardly any more of the request's body came within a second, and other requests need its memory"
            self._parser.refuse(Unavailable(f"{text}; try again soon"))

    def check_deadline(self, now: float) -> None:
        """Closes or aborts a connection whose deadline has passed. Must be called often."""
        if now < self._deadline:
            return
        self._deadline = math.inf
        parser = self._parser
        if self._output_full or self.transport.is_closing():
            self._check_taken(now)
        elif self._client_finished and self._current is not None:
            self._check_gone(self._current, now)
        elif self._unparsed is not None:  # the client has sent something, and waits for its turn
            self._deadline = now + self._timeouts.body
        elif parser.reading is None and not parser.closed and not self.idle:
            self._deadline = now  # its next request has just come, and is read before the next check
        elif parser.reading is None or parser.in_head or parser.reading.response is not None:
            self.transport.close()
            self._deadline = now + self._timeouts.write
        else:
            seconds = self._timeouts.body
            parser.refuse(DeadlineExceeded(f"no more of the request's body came within {seconds:g} seconds"))

    def _check_gone(self, request: RequestReader, now: float) -> None:
        """Gives up the requests of a client that has closed its sending side, if nobody waits for the responses.

        A client that still waits skips the interim response (RFC 9110, 15.2). HTTP/1.0 has none, so such a client
        counts as gone.
        """
        if not self._probed:
            self._probed = True
            if request.http_1_1:
                self.transport.write(CONTINUE)
        elif not request.http_1_1 or has_gone(self.transport):
            self.transport.abort()
            return
        self._deadline = now + _ANSWER

    def hurry(self, timeouts: Timeouts, now: float) -> None:
        """Gives the client less time from now on, because the server is to end."""
        self._timeouts = timeouts
        if self._deadline != math.inf:
            self._deadline = min(self._deadline, now + timeouts.drain_stall)

    def _check_taken(self, now: float) -> None:
        """Aborts the connection if the client receives a response too slowly, else sets the next deadline."""
        left = self.transport.get_write_buffer_size()
        if left > max(self._untaken - _LITTLE, self._untaken // 2):
            self.transport.abort()
        self._untaken = left
        self._deadline = now + self._timeouts.write

    @property
    def _busy(self) -> bool:
        return self._current is not None or self._output_full or bool(self._waiting)

    def _wait_for_client(self, seconds: float) -> None:
        """Sets a timeout for the rest of a request, unless the client waits for a response."""
        if not self._busy:
            self._deadline = self._time() + seconds

    def _begin(self, request: RequestReader) -> None:
        self._deadline = self._time() + _PROBE if self._client_finished else math.inf
        self._current = request
        self._queue.add(self)

    def _on_response(self, future: asyncio.Future[Response]) -> None:
        if self._current is not None and not future.cancelled():  # otherwise the client has disconnected
            self._respond(future.result())

    def _advance(self) -> None:
        """Begins to answer the next waiting request. If there is none, resumes receiving."""
        if self._waiting and self._current is None and not self._output_full and not self.transport.is_closing():
            self._begin(self._waiting.popleft())
        if self._busy or self.transport.is_closing():
            return
        self._resume_receiving()
        reading = self._parser.reading
        if reading is not None and reading.response is None and not self._parser.in_head:
            if reading.expects_continue and not reading.size:
                self.transport.write(CONTINUE)
            self._deadline = self._time() + self._timeouts.body

    def _respond(self, response: Response, further: bytes = b"") -> None:
        """Writes a response. `further`: complete lines of further headers."""
        request, self._current, self._response = self._current, None, None
        assert request is not None
        keep_alive = request.keep_alive = request.keep_alive and not response.close and not self._is_last()
        date = self._queue.date
        head = encode_head(response, keep_alive=keep_alive, http_1_1=request.http_1_1, date=date, further=further)
        body = b"" if request.method == "HEAD" else response.body
        if self.transport.get_write_buffer_size():  # the client is slow: from now on, every byte that waits is counted
            self.transport.set_write_buffer_limits(0)
        if len(body) < _JOINED:
            self.transport.write(head + body)
        else:
            self.transport.writelines((head, body))
        if self._output_full:
            self._count_unsent()
        request.release()
        self.answered += 1
        self.quiet_since = now = self._time()
        if not self._output_full:
            self._deadline = now + self._timeouts.idle
        if not keep_alive:
            self._end(request)
        elif self._waiting or self._receiving_paused or self._parser.reading is not None:
            self._advance()

    def _count_unsent(self) -> None:
        """Counts the bytes that the client has not received yet. They exist already, so they are never refused."""
        if self._unsent is None:
            self._unsent = self._app.budget.reservation()
        self._unsent.hold(self.transport.get_write_buffer_size())

    def _release_unsent(self) -> None:
        if self._unsent is not None:
            self._unsent.release()
            self._unsent = None

    def _turn_away(self) -> None:
        """Refuses a new connection because there are too many that wait for this server."""
        self._parser.close()
        response = self._app.refuse(Unavailable("too many connections are open; try again soon"))
        head = encode_head(response, keep_alive=False, http_1_1=True, date=self._queue.date)
        self.transport.write(head + response.body)
        self.transport.close()

    def _is_last(self) -> bool:
        """Returns whether the current request is the last one of this connection."""
        ends = self._app.draining or self._client_finished
        return ends and not self._waiting and self._parser.reading is None and self._unparsed is None

    def _end(self, request: RequestReader) -> None:
        """Closes the connection. The rest of a refused body is first received and dropped for a while."""
        if request is self._parser.reading:
            self._deadline = self._time() + self._timeouts.linger
            self._resume_receiving()
        else:
            self._parser.close()
            self.transport.close()

    def _pause_receiving(self) -> None:
        if not self._receiving_paused:
            self._receiving_paused = True
            self.transport.pause_reading()

    def _resume_receiving(self) -> None:
        if self._receiving_paused and self._unparsed is None:
            self._receiving_paused = False
            self.transport.resume_reading()
