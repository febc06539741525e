"""The HTTP connection of a server with an access log. A server without one pays nothing for it."""

from __future__ import annotations

import asyncio
from time import monotonic

from lightship.transports.access_log.record import CLIENT_GONE, AccessRecord
from lightship.transports.access_log.request_ids import MADE_BYTES, read_id
from lightship.transports.connections import Connections
from lightship.transports.http.application import Application
from lightship.transports.http.connection import HttpConnection
from lightship.transports.http.known_heads import KnownHeads
from lightship.transports.http.limits import Timeouts
from lightship.transports.http.logged_queue import LoggedAnswerQueue
from lightship.transports.http.messages import Response
from lightship.transports.http.request_parser import ID_HEADER, LOGGED_HEADERS
from lightship.transports.http.request_reader import RequestReader

_BEFORE_ID, _AFTER_ID = ID_HEADER
_ID_START, _ID_END = len(_BEFORE_ID), len(_BEFORE_ID) + MADE_BYTES
_SENT_AT_ONCE = (Response, asyncio.Future)


class LoggedHttpConnection(HttpConnection):
    """Notes when each request passes its stages, returns its id, and hands its record to the log when it has ended.

    A short request whose head is known, and which is answered together with others, is noted with them. Any other has
    a record of its own.

    The queue sets `arrived`: when the request that is being answered was found complete. The methods of
    `HttpConnection` are called by its name, which is faster than `super()`. There must not be more than 30 attributes:
    CPython stores further ones in a way that makes every access slower.
    """

    _headers = LOGGED_HEADERS
    _queue: LoggedAnswerQueue
    _reading = 0.0  # the seconds in which the application has answered the request, if it did so at once
    _delivering = 0.0  # when `deliver` began to write, while it runs

    def __init__(
        self,
        app: Application,
        queue: LoggedAnswerQueue,
        timeouts: Timeouts,
        loop: asyncio.AbstractEventLoop,
        connections: Connections[HttpConnection],
        heads: KnownHeads,
    ) -> None:
        super().__init__(app, queue, timeouts, loop, connections, heads)
        self._recorder = self._record
        self._shown_client = b""
        self.arrived = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        HttpConnection.connection_made(self, transport)
        self._shown_client = self._queue.log.clients[self._client]

    def on_request_begun(self) -> None:
        reading = self._parser.reading
        assert reading is not None
        reading.record = record = AccessRecord()
        record.begun = monotonic()
        HttpConnection.on_request_begun(self)

    def on_request_dropped(self, request: RequestReader) -> None:
        self._add_lost(request)

    def _keep(self, request: RequestReader) -> None:
        record, now = request.record, monotonic()
        if record is None:
            record = request.record = AccessRecord()
            record.begun = now
        record.received = now
        HttpConnection._keep(self, request)

    def answer(self) -> None:
        request = self._current
        if request is not None:
            response = self._response = request.response or self._app.answer(
                request.request(self._client, self._recorder)
            )
            if response.__class__ is Response:
                self._reading = self._queue.seconds_since_mark()

    def deliver(self) -> None:
        request, response = self._current, self._response
        if request is None or response is None:  # the client has disconnected
            return
        if not isinstance(response, _SENT_AT_ONCE):
            made = self._response = response.respond()
            joined = None if response.together is None else response.together.joined
            if request.record is None and made.__class__ is Response:
                if joined is None:
                    self._respond_alone(response.stages(), request, made)
                    return
                arrived, bytes_out = self.arrived, len(made.body)
                line = joined.members.add(self._shown_client, arrived, arrived, request.size, bytes_out)
                HttpConnection._respond(self, made, line)
                self.arrived = 0.0
                return
            self._record().add(response.stages() if joined is None else joined.stages_until(monotonic()))
        self._delivering = monotonic()
        HttpConnection.deliver(self)
        self._delivering = 0.0

    def _respond_alone(self, stages: tuple[float, float, float], request: RequestReader, response: Response) -> None:
        begun, queue, arrived = monotonic(), self._queue, self.arrived
        line = queue.id_header()
        HttpConnection._respond(self, response, line)
        self.arrived = 0.0
        what = (request.method, request.target, response.model, response.version, response.status)
        bytes_out = 0 if request.method == "HEAD" else len(response.body)
        own = (self._shown_client, arrived, arrived, request.size, bytes_out, line[_ID_START:_ID_END])
        decode, run, encode = stages
        ended = monotonic()
        queue.log.add_entry((what, ended, decode, run, encode + ended - begun, own))

    def _respond(self, response: Response, further: bytes = b"") -> None:
        begun = self._delivering or monotonic()
        request = self._current
        assert request is not None
        record = self._record()
        given = read_id(record.given_id, record.given_trace)
        line = b"%b%b%b" % (_BEFORE_ID, given, _AFTER_ID) if given else self._queue.id_header()
        HttpConnection._respond(self, response, line)
        record.id = line[_ID_START : -len(_AFTER_ID)]
        record.decode += self._reading
        self._reading = 0.0
        record.status, record.model, record.version = response.status, response.model or record.model, response.version
        if request.method != "HEAD":
            record.bytes_out = len(response.body)
        self._fill(record, request)
        self.arrived = 0.0
        record.ended = now = monotonic()
        record.encode += now - begun
        self._queue.log.add(record)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._current is not None:
            self._record()
        unanswered = [request for request in (self._current, *self._waiting) if request is not None]
        HttpConnection.connection_lost(self, exc)
        for request in unanswered:
            self._add_lost(request)

    def _turn_away(self) -> None:
        HttpConnection._turn_away(self)
        record = AccessRecord()
        record.client, record.status = self._client, 503
        record.begun = record.received = record.ended = monotonic()
        record.id = self._queue.id_header()[_ID_START:_ID_END]
        self._queue.log.add(record)

    def _record(self) -> AccessRecord:
        """Returns the record of the current request, and makes it if this is the first use."""
        request, arrived = self._current, self.arrived or monotonic()
        if request is None:  # the client has disconnected, and its record is written
            return AccessRecord()
        record = request.record
        if record is None:
            record = request.record = AccessRecord()
            record.begun = record.received = arrived
        elif not record.received:
            record.received = max(arrived, record.begun)
        return record

    def _add_lost(self, request: RequestReader) -> None:
        """Logs a request that ends without a response."""
        record = request.record
        if record is None:
            return
        self._fill(record, request)
        record.id = read_id(record.given_id, record.given_trace) or self._queue.id_header()[_ID_START:_ID_END]
        record.status, record.ended = CLIENT_GONE, monotonic()
        record.received = record.received or record.ended
        self._queue.log.add(record)

    def _fill(self, record: AccessRecord, request: RequestReader) -> None:
        record.client, record.bytes_in = self._client, request.size
        if request.target:
            record.method, record.path = request.method, request.target
        elif not record.path:
            record.path = request.shown_target
