"""Parses bytes into requests. httptools parses; its events fill a `RequestReader`, which applies the limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import httptools

from lightship.errors import InvalidArgument, LightshipError, PermissionDenied
from lightship.transports.http.application import Application
from lightship.transports.http.hosts import authority_of, name_of
from lightship.transports.http.known_heads import KnownHeads
from lightship.transports.http.messages import Request, Response, html_error
from lightship.transports.http.request_reader import RequestReader

SLICE = 1 << 10  # bytes that can be parsed without a look at the clock, whatever they are
# Request headers that matter here, by their names.
_LENGTH, _CODING, _HOST, _EXPECT, _REQUEST_ID, _TRACE = 1, 2, 3, 4, 5, 6
HEADERS = {b"content-length": _LENGTH, b"transfer-encoding": _CODING, b"host": _HOST, b"expect": _EXPECT}
# With an access log, these matter too.
LOGGED_HEADERS = HEADERS | {b"x-request-id": _REQUEST_ID, b"traceparent": _TRACE}
# What stands around the id in the header that returns it.
ID_HEADER = (b"X-Request-Id: ", b"\r\n")


class RequestEvents(Protocol):
    """The events that a parser reports to its connection."""

    def on_request_begun(self) -> None:
        """Called when the first byte of a request was received."""

    def on_head_complete(self, request: RequestReader) -> None:
        """Called when the headers are complete. A body may follow."""

    def on_body_received(self) -> None:
        """Called after bytes were parsed that contain a part of a body, but not its end."""

    def on_request_complete(self, request: RequestReader) -> None:
        """Called when a request is complete."""

    def on_request_refused(self, request: RequestReader) -> None:
        """Called when a request was refused before it was complete."""

    def on_refused_request_ended(self, request: RequestReader) -> None:
        """Called when the rest of a refused request was received, or cannot be parsed."""

    def on_request_dropped(self, request: RequestReader) -> None:
        """Called when nothing more is parsed, and a request that was not refused is incomplete."""


class RequestParser:
    """Parses the bytes of one connection. Public methods that start with `on_` are callbacks of httptools.

    `reading` is the request that has begun and is not complete. `in_head` is True while its headers are not complete.
    `closed` is True if nothing more is parsed. `client` is the client's address.
    """

    def __init__(
        self, app: Application, events: RequestEvents, heads: KnownHeads, headers: Mapping[bytes, int] = HEADERS
    ) -> None:
        """`headers`: those that are taken note of, `HEADERS` or `LOGGED_HEADERS`."""
        self._app, self._events, self._heads, self._headers = app, events, heads, headers
        self.client = ""
        self._http: Any = httptools.HttpRequestParser(self)
        self.reading: RequestReader | None = None
        self.in_head = self.closed = False
        self._head_bytes = 0
        self._begun = 0  # the number of requests of which the last received bytes contain a part
        self._body_grew = False
        self._rereading = False  # a head is parsed for the second time, because of an upgrade
        self._ready = True  # httptools is about to begin a request
        self._whole = b""  # bytes that may be a whole request

    def slice_size(self) -> int:
        """Returns how many of the next bytes can be parsed in little time.

        The rest of a body of a declared length is one piece. In a chunked body and between requests, each byte may
        mean work.
        """
        reading = self.reading
        if reading is None or self.in_head or not reading.declared or reading.response is not None:
            return SLICE
        return max(SLICE, reading.declared - reading.size)

    def take(self, data: bytes) -> None:
        """Takes received bytes, at most `SLICE`. A request whose head is known is not parsed."""
        if self.reading is None and self._ready and not self.closed:
            request = self._heads.read(data, self._app.limits, self._app.budget)
            if request is not None:
                self._events.on_request_complete(request)
                return
            self._whole = data
        self.feed(data)
        self._whole = b""

    def feed(self, data: bytes | memoryview) -> None:
        """Parses received bytes."""
        self._body_grew = False
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
        if self._body_grew and self.reading is not None and self.reading.response is None:
            self._events.on_body_received()
        if self.reading is not None and self._begun == 1:  # none of these bytes belong to another request
            self._check_head(self.reading, len(data), size)
        if self.reading is not None and self.reading.response is None:
            self._keep(self.reading)

    def close(self) -> None:
        """Stops parsing and drops the incomplete request."""
        reading, self.reading = self.reading, None
        self.closed, self.in_head = True, False
        if reading is not None:
            reading.release()
            if reading.response is None:
                self._events.on_request_dropped(reading)

    def refuse(self, error: LightshipError) -> None:
        """Answers the request that is being read with an error. The connection then closes."""
        self._refuse_with(self._app.refuse(error))

    def _refuse_with(self, response: Response) -> None:
        assert self.reading is not None
        self.reading.refuse(response)
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
        header = self._headers.get(name)
        if header is None:
            return
        if header == _HOST and reading.host is None:
            reading.host = value
        elif header == _LENGTH:
            # The parser accepts only digits, and only one such header. Python reads at most 4,300 digits, zeros or not.
            reading.declared = int(value.strip().lstrip(b"0") or b"0")
        else:
            _take_header(reading, header, value)

    def on_headers_complete(self) -> None:
        self.in_head = False
        reading, http = self.reading, self._http
        if reading is None or self._rereading:
            return None
        reading.method = http.get_method().decode("latin-1")
        reading.http_1_1 = http.get_http_version() != "1.0"
        reading.keep_alive = self._ready = http.should_keep_alive()
        if reading.fault or (reading.chunked and not reading.http_1_1):
            fault = reading.fault or "HTTP/1.0 has no Transfer-Encoding"
            return self._answer_last(self._app.refuse(InvalidArgument(f"Invalid HTTP request: {fault}")))
        try:
            reading.target = target_of(reading.url)
            reading.check_declared(self._app.budget)
        except LightshipError as error:
            return self.refuse(error)
        hosts = self._app.hosts
        known = hosts is None or (reading.host in hosts.accepted and reading.url[:1] == b"/")
        if not known and not self._is_host_allowed(reading):
            return None
        if (reading.chunked or reading.declared > SLICE) and self._is_refused_early(reading):
            return None
        self._events.on_head_complete(reading)

    def _is_host_allowed(self, reading: RequestReader) -> bool:
        """Returns whether a request asks for this server. If it does not, answers it."""
        host = authority_of(reading.url) or reading.host or b""
        if self._app.hosts is None or self._app.hosts.allows(host):
            return True
        name = host.decode("latin-1")
        error = PermissionDenied(
            f"This server does not answer for the host {name!r}: ask for localhost or 127.0.0.1, or start the server "
            f"with --allowed-hosts {name_of(host)}"
        )
        self._refuse_with(self._app.refuse(error)._replace(status=421))
        return False

    def _is_refused_early(self, reading: RequestReader) -> bool:
        """Answers a request before its body is received if there is too much work."""
        request = Request(reading.method, reading.target, b"", reading.headers, reading.memory, self.client)
        size = self._app.limits.of(request.content_type) if reading.chunked else reading.declared
        response = self._app.refuse_early(request, size)
        if response is None:
            return False
        reading.keep_alive = reading.keep_alive and not response.close and not reading.expects_continue
        self._refuse_with(response)
        return True

    def on_body(self, chunk: bytes) -> None:
        reading = self.reading
        if reading is None or reading.response is not None:
            return
        try:
            reading.add(chunk)
        except LightshipError as error:
            self.refuse(error)
        else:
            self._body_grew = True

    def on_message_complete(self) -> None:
        reading = self.reading
        if reading is None or (not reading.size and self._http.should_upgrade() and has_body(reading)):
            return
        if self._whole:
            self._heads.learn(self._whole, reading)
        self._complete(reading)

    def _complete(self, reading: RequestReader) -> None:
        self.reading = None
        if reading.response is None:
            self._events.on_request_complete(reading)
        else:
            self._events.on_refused_request_ended(reading)

    def body_received(self, size: int, *, ended: bool) -> None:
        """Takes note of bytes of the body that httptools does not see, because they are in their place already.

        size: the number of bytes, 0 if they were dropped. ended: whether all of the body has come, so that what follows
        is the next request.
        """
        reading = self.reading
        if ended:
            self._http = httptools.HttpRequestParser(self)
        if reading is None:
            return
        reading.size += size
        if ended:
            self._complete(reading)
        elif reading.response is None:
            self._events.on_body_received()

    def _read_body(self, reading: RequestReader) -> None:
        """Lets a new parser read the body of a request after the old parser stopped at an upgrade."""
        framing = (b"content-length", b"transfer-encoding")
        fields = b"".join(b"%b: %b\r\n" % field for field in reading.headers if field[0] in framing)
        begun, failure, self._rereading = self._begun, None, True
        try:
            self._http.feed_data(b"POST / HTTP/1.1\r\n" + fields + b"\r\n")
        except httptools.HttpParserError as error:
            failure = error
        self._rereading = False
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
        last, reading = RequestReader(self._app.limits, self._app.budget), self.reading
        if reading is not None:
            last.succeed(reading, self._http.get_method().decode("latin-1") if reading.url else "")
            reading.refuse(response)
        self.close()
        last.refuse(response)
        self._events.on_request_refused(last)


def _take_header(request: RequestReader, header: int, value: bytes) -> None:
    """Notes what a header says about the request, and what is wrong with it."""
    if header == _EXPECT:
        request.expects_continue = value.lower() == b"100-continue"
    elif header == _CODING:
        request.chunked = True
        if value.strip().lower() != b"chunked":
            coding = value.decode("latin-1")
            request.fault = f"Transfer-Encoding: {coding} is not supported; send chunked, or a Content-Length"
    elif header == _HOST:
        request.fault = "it has two Host headers"
    elif request.record is not None:
        if header == _REQUEST_ID:
            request.record.given_id = value
        else:
            request.record.given_trace = value


def has_body(request: RequestReader) -> bool:
    """Returns whether a request announces a body. The parser skips the body of a request with an upgrade."""
    if request.method == "CONNECT":
        return False
    return request.declared > 0 or request.chunked


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
