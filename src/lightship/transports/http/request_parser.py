"""Parses bytes into requests. httptools parses; its events fill a `RequestReader`, which applies the limits."""

from __future__ import annotations

from typing import Any, Protocol

import httptools

from lightship.errors import InvalidArgument, LightshipError
from lightship.transports.http.application import Application
from lightship.transports.http.messages import Response, html_error
from lightship.transports.http.request_reader import RequestReader


class RequestEvents(Protocol):
    """The events that a parser reports to its connection."""

    def on_request_begun(self) -> None:
        """Called when the first byte of a request was received."""

    def on_head_complete(self, request: RequestReader) -> None:
        """Called when the headers are complete. A body may follow."""

    def on_body_received(self) -> None:
        """Called when a part of a body was received, but not the last part."""

    def on_request_complete(self, request: RequestReader) -> None:
        """Called when a request is complete."""

    def on_request_refused(self, request: RequestReader) -> None:
        """Called when a request was refused before it was complete."""

    def on_refused_request_ended(self, request: RequestReader) -> None:
        """Called when the rest of a refused request was received, or cannot be parsed."""


class RequestParser:
    """Parses the bytes of one connection. Public methods that start with `on_` are callbacks of httptools.

    `reading` is the request that has begun and is not complete. `in_head` is True while its headers are not complete.
    `closed` is True if nothing more is parsed.
    """

    def __init__(self, app: Application, events: RequestEvents) -> None:
        self._app, self._events = app, events
        self._http: Any = httptools.HttpRequestParser(self)
        self.reading: RequestReader | None = None
        self.in_head = self.closed = False
        self._head_bytes = 0
        self._begun = 0  # the number of requests of which the last received bytes contain a part

    def feed(self, data: bytes) -> None:
        """Parses received bytes."""
        self._begun, size = (0, 0) if self.reading is None else (1, self.reading.size)
        while data and not self.closed:
            try:
                self._http.feed_data(data)
                break
            except httptools.HttpParserUpgrade as upgrade:  # other protocols are not supported, so HTTP continues
                data = data[upgrade.args[0] :]
                self._http = httptools.HttpRequestParser(self)
                if self.reading is not None:
                    self._read_body(self.reading)
            except httptools.HttpParserError as error:
                return None if self.closed else self._refuse_syntax(error)
        if self.reading is not None and self._begun == 1:  # none of these bytes belong to another request
            self._check_head(self.reading, len(data), size)
        if self.reading is not None and self.reading.response is None:
            self._keep(self.reading)

    def close(self) -> None:
        """Stops parsing and drops the incomplete request."""
        if self.reading is not None:
            self.reading.release()
        self.closed, self.reading, self.in_head = True, None, False

    def refuse(self, error: LightshipError) -> None:
        """Answers the request that is being read with an error. The connection then closes."""
        assert self.reading is not None
        self.reading.refuse(self._app.refuse(error))
        self._events.on_request_refused(self.reading)

    def on_message_begin(self) -> None:
        if self.closed:
            return
        self.reading = RequestReader(self._app.limits, self._app.budget)
        self.in_head = True
        self._head_bytes = 0
        self._begun += 1
        self._events.on_request_begun()

    def on_url(self, url: bytes) -> None:
        if self.reading is not None:
            self.reading.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        reading, name = self.reading, name.lower()
        if reading is None or not self.in_head:  # trailers are ignored, because they could contradict the headers
            return
        reading.headers.append((name, value))
        if name == b"content-length":
            reading.declared = int(value)  # the parser accepts only digits
        elif name == b"expect" and value.lower() == b"100-continue":
            reading.expects_continue = True

    def on_headers_complete(self) -> None:
        self.in_head = False
        reading, http = self.reading, self._http
        if reading is None:
            return
        reading.method = http.get_method().decode("latin-1")
        reading.http_1_1 = http.get_http_version() != "1.0"
        reading.keep_alive = http.should_keep_alive()
        try:
            reading.target = target_of(reading.url)
            reading.check_declared(self._app.budget)
        except LightshipError as error:
            return self.refuse(error)
        self._events.on_head_complete(reading)

    def on_body(self, chunk: bytes) -> None:
        reading = self.reading
        if reading is None or reading.response is not None:
            return
        try:
            reading.add(chunk)
        except LightshipError as error:
            self.refuse(error)
        else:
            if reading.size != reading.declared:
                self._events.on_body_received()

    def on_message_complete(self) -> None:
        reading = self.reading
        if reading is None or (not reading.size and self._http.should_upgrade() and has_body(reading)):
            return
        self.reading = None
        if reading.response is None:
            self._events.on_request_complete(reading)
        else:
            self._events.on_refused_request_ended(reading)

    def _read_body(self, reading: RequestReader) -> None:
        """Lets a new parser read the body of a request after the old parser stopped at an upgrade."""
        framing = (b"content-length", b"transfer-encoding")
        fields = b"".join(b"%b: %b\r\n" % field for field in reading.headers if field[0] in framing)
        begun, failure = self._begun, None
        try:
            self._http.feed_data(b"POST / HTTP/1.1\r\n" + fields + b"\r\n")
        except httptools.HttpParserError as error:
            failure = error
        self.reading, self._begun, self.in_head = reading, begun, False
        if failure is not None:
            self._refuse_syntax(failure)

    def _keep(self, reading: RequestReader) -> None:
        """Counts an incomplete request, which may stay in memory for as long as its client likes."""
        try:
            reading.keep(self._head_bytes)
        except LightshipError as error:
            if self.in_head:
                self._answer_last(self._app.refuse(error))
            else:
                self.refuse(error)

    def _check_head(self, reading: RequestReader, received: int, size: int) -> None:
        """Limits the size of headers and trailers: of bytes that arrived while the body stayed at `size` bytes."""
        if self.in_head or (reading.size == size and reading.response is None):
            self._head_bytes += received
            limit = self._app.limits.head
            if self._head_bytes > limit:
                error = InvalidArgument(f"The request's headers have more than {limit} bytes: send fewer")
                self._answer_last(self._app.refuse(error)._replace(status=431))

    def _refuse_syntax(self, error: httptools.HttpParserError) -> None:
        reading = self.reading
        if reading is not None and reading.response is not None:  # it has its response
            self.close()
            self._events.on_refused_request_ended(reading)
        elif isinstance(error, httptools.HttpParserInvalidMethodError):
            self._answer_last(html_error(501, "Not Implemented"))
        else:
            self._answer_last(self._app.refuse(InvalidArgument(f"Invalid HTTP request: {error}")))

    def _answer_last(self, response: Response) -> None:
        """Sends the last response of the connection. Later bytes are not parsed.

        It answers bytes that are not a valid request, or headers that are too long.
        """
        self.close()
        last = RequestReader(self._app.limits, self._app.budget)
        last.refuse(response)
        self._events.on_request_refused(last)


def has_body(request: RequestReader) -> bool:
    """Returns whether a request announces a body. The parser skips the body of a request with an upgrade."""
    if request.method == "CONNECT":
        return False
    return request.declared > 0 or any(name == b"transfer-encoding" for name, _ in request.headers)


def target_of(url: bytes) -> str:
    """Returns a request's target as it was sent, `/path?query#fragment`. For an absolute URL, the host is removed.

    Raises InvalidArgument for an absolute URL that cannot be parsed.
    """
    if url.startswith(b"/") or b"://" not in url:
        return url.decode("latin-1")
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        raise InvalidArgument(f"Invalid HTTP request: the URL {url.decode('latin-1')} cannot be parsed") from None
    parts = ((b"", parsed.path or b"/"), (b"?", parsed.query), (b"#", parsed.fragment))
    return b"".join(mark + part for mark, part in parts if part).decode("latin-1")
