"""The HTTP connection of a server with an access log. A server without one pays nothing for it."""

from __future__ import annotations

import asyncio
from time import monotonic

from lightship.transports.access_log.access_log import AccessLog
from lightship.transports.access_log.record import CLIENT_GONE, AccessRecord
from lightship.transports.connections import Connections
from lightship.transports.http.answer_queue import AnswerQueue
from lightship.transports.http.application import Application
from lightship.transports.http.connection import HttpConnection
from lightship.transports.http.known_heads import KnownHeads
from lightship.transports.http.limits import Timeouts
from lightship.transports.http.messages import Response
from lightship.transports.http.request_parser import LOGGED_HEADERS
from lightship.transports.http.request_reader import RequestReader


class LoggedHttpConnection(HttpConnection):
    """Notes when each request passes its stages, returns its id, and hands its record to the log when it has ended.

    The methods of `HttpConnection` are called by its name, which is faster than `super()`.
    """

    _headers = LOGGED_HEADERS

    def __init__(
        self,
        app: Application,
        queue: AnswerQueue,
        timeouts: Timeouts,
        loop: asyncio.AbstractEventLoop,
        connections: Connections[HttpConnection],
        heads: KnownHeads,
        log: AccessLog,
    ) -> None:
        super().__init__(app, queue, timeouts, loop, connections, heads)
        self._log = log
        self._delivering = 0.0  # when `deliver` began to write, while it runs

    def on_request_begun(self) -> None:
        reading = self._parser.reading
        assert reading is not None
        reading.record = record = AccessRecord()
        record.begun = monotonic()
        HttpConnection.on_request_begun(self)

    def on_request_complete(self, request: RequestReader) -> None:
        now = monotonic()
        record = request.record
        if record is None:  # its head was known, or the bytes were no request
            request.record = record = AccessRecord()
            record.begun = now
            _note_ids(record, request)
        record.received = now
        HttpConnection.on_request_complete(self, request)

    def on_request_dropped(self, request: RequestReader) -> None:
        self._add_lost(request)

    def answer(self) -> None:
        begun = monotonic()
        HttpConnection.answer(self)
        current = self._current
        if current is not None:
            assert current.record is not None
            current.record.decode = monotonic() - begun

    def deliver(self) -> None:
        current = self._current
        if current is None:  # the client has disconnected
            return
        response = self._response
        if response is not None and not isinstance(response, Response | asyncio.Future):
            self._response = response.respond()  # notes in the record what it does
        self._delivering = monotonic()
        HttpConnection.deliver(self)
        self._delivering = 0.0

    def _respond(self, response: Response, further: bytes = b"") -> None:
        begun = self._delivering or monotonic()
        request, log = self._current, self._log
        assert request is not None
        record = request.record
        assert record is not None
        if record.given_id is None and record.given_trace is None:
            record.id = log.ids.make()
        else:
            record.id = log.ids.of(record.given_id, record.given_trace)
        HttpConnection._respond(self, response, b"X-Request-Id: %b\r\n" % record.id.encode())
        self._fill(record, request)
        record.status, record.model, record.version = response.status, response.model, response.version
        if request.method != "HEAD":
            record.bytes_out = len(response.body)
        record.ended = now = monotonic()
        record.encode += now - begun
        log.add(record)

    def connection_lost(self, exc: Exception | None) -> None:
        unanswered = [request for request in (self._current, *self._waiting) if request is not None]
        HttpConnection.connection_lost(self, exc)
        for request in unanswered:
            self._add_lost(request)

    def _turn_away(self) -> None:
        HttpConnection._turn_away(self)
        record = AccessRecord()
        record.client, record.status = self._client, 503
        record.begun = record.received = record.ended = monotonic()
        self._log.add(record)

    def _add_lost(self, request: RequestReader) -> None:
        """Logs a request that ends without a response."""
        record = request.record
        if record is None:
            return
        self._fill(record, request)
        record.id = self._log.ids.of(record.given_id, record.given_trace)
        record.status, record.ended = CLIENT_GONE, monotonic()
        record.received = record.received or record.ended
        self._log.add(record)

    def _fill(self, record: AccessRecord, request: RequestReader) -> None:
        record.client, record.bytes_in = self._client, request.size
        if request.target:
            record.method, record.path = request.method, request.target
        elif not record.path:
            record.path = request.shown_target


def _note_ids(record: AccessRecord, request: RequestReader) -> None:
    """Notes the ids that are in the headers of a request whose head was not parsed."""
    for name, value in request.headers:
        if name == b"x-request-id":
            record.given_id = value
        elif name == b"traceparent":
            record.given_trace = value
