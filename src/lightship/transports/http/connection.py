"""One HTTP connection: requests read, answered in their order, and every wait bounded.

A protocol class for uvicorn, which accepts the connections; httptools parses. There is no layer between the parsed
request and the application.
"""

from __future__ import annotations

import asyncio
import math
import socket
from typing import Any, cast

import httptools

from lightship.errors import DeadlineExceeded, InvalidArgument, LightshipError
from lightship.transports.http.answering import BODY_SECONDS, WRITE_SECONDS, AnsweringConnection
from lightship.transports.http.incoming import Incoming
from lightship.transports.http.messages import Response, html_error
from lightship.transports.http.response_text import CONTINUE
from lightship.transports.sockets import readable

HEAD_SECONDS = 30.0  # for a request's line and headers, from its first byte or the connection's beginning
MOST_HEAD_BYTES = 64 << 10


class HttpConnection(AnsweringConnection):
    """Names of methods without an underscore, from `connection_made` to `on_message_complete`, are those of asyncio and
    httptools. `_begun`: requests of which there are bytes in what was received last."""

    _parser: Any = None
    _head_bytes = _begun = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._state.connections.add(cast(Any, self))
        self._parser = httptools.HttpRequestParser(self)
        self._deadline = self._time() + HEAD_SECONDS

    def connection_lost(self, exc: Exception | None) -> None:
        self._state.connections.discard(cast(Any, self))
        self._parser = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._begun, size = (0, 0) if self._reading is None else (1, self._reading.size)
        while data and not self._deaf:
            try:
                self._parser.feed_data(data)
                break
            except httptools.HttpParserUpgrade as upgrade:  # to what nothing here speaks: the request stands as it is
                data = data[upgrade.args[0] :]
                self._parser = httptools.HttpRequestParser(self)
                if self._reading is not None:
                    self._read_body(self._reading)
            except httptools.HttpParserError as error:
                return None if self._deaf else self._refuse_syntax(error)
        if self._reading is not None and self._begun == 1:  # none of these bytes belong to another request
            self._check_head(self._reading, len(data), size)

    def _read_body(self, reading: Incoming) -> None:
        """Has the new parser read the body of a request whose head another one read, which stopped there."""
        framing = (b"content-length", b"transfer-encoding")
        fields = b"".join(b"%b: %b\r\n" % field for field in reading.headers if field[0] in framing)
        begun, failure = self._begun, None
        try:
            self._parser.feed_data(b"POST / HTTP/1.1\r\n" + fields + b"\r\n")
        except httptools.HttpParserError as error:
            failure = error
        self._reading, self._begun, self._in_head = reading, begun, False
        if failure is not None:
            self._refuse_syntax(failure)

    def _check_head(self, reading: Incoming, received: int, size: int) -> None:
        """Bounds the headers, and what came without a byte of the body, of which there were `size`: trailers."""
        if self._in_head or (reading.size == size and reading.response is None):
            self._head_bytes += received
            if self._head_bytes > MOST_HEAD_BYTES:
                self._answer_last(self._app.refuse(_LONG_HEAD)._replace(status=431))

    def eof_received(self) -> bool:
        """A client may end its side and still wait for what it asked."""
        self._ended = True
        if self._reading is not None:
            self._reading.release()
            self._reading = None
        return self._busy

    def on_message_begin(self) -> None:
        self._reading = Incoming(self._app.limits, self._app.budget)
        self._in_head = True
        self._head_bytes = 0
        self._begun += 1
        self._wait(HEAD_SECONDS)

    def on_url(self, url: bytes) -> None:
        if self._reading is not None:
            self._reading.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        incoming, name = self._reading, name.lower()
        if incoming is None or not self._in_head:  # a trailer says nothing that is to be believed
            return
        incoming.headers.append((name, value))
        if name == b"content-length":
            incoming.declared = int(value)  # the parser lets nothing through but digits
        elif name == b"expect" and value.lower() == b"100-continue":
            incoming.expects_continue = True

    def on_headers_complete(self) -> None:
        self._in_head = False
        incoming, parser = self._reading, self._parser
        if incoming is None:
            return
        incoming.method = parser.get_method().decode("latin-1")
        incoming.modern = parser.get_http_version() != "1.0"
        incoming.keep_alive = parser.should_keep_alive()
        try:
            incoming.target = target_of(incoming.url)
            incoming.check_declared()
        except LightshipError as error:
            return self._refuse(error)
        if incoming.expects_continue and incoming.modern and not self._busy:
            self.transport.write(CONTINUE)
        self._wait(BODY_SECONDS)

    def on_body(self, chunk: bytes) -> None:
        incoming = self._reading
        if incoming is None or incoming.response is not None:
            return
        try:
            incoming.add(chunk)
        except LightshipError as error:
            self._refuse(error)
        else:
            if incoming.size != incoming.declared:
                self._wait(BODY_SECONDS)

    def on_message_complete(self) -> None:
        incoming = self._reading
        if incoming is None or (not incoming.size and self._parser.should_upgrade() and has_body(incoming)):
            return
        self._reading = None
        if incoming.response is None:
            self._answer(incoming)
        elif not self._unanswered(incoming):  # refused, and read to its end all the same
            self.transport.close()

    @property
    def closed(self) -> bool:
        return self._parser is None

    @property
    def idle(self) -> bool:
        """Whether no request has begun, neither here nor in what the kernel has received."""
        if self._busy or self._reading is not None:
            return False
        connection = cast(socket.socket, self.transport.get_extra_info("socket"))
        return connection is None or not readable(connection)

    def check(self, now: float) -> None:
        """Ends what has waited too long; to be called often."""
        if now < self._deadline:
            return
        self._deadline = math.inf
        reading = self._reading
        if self._blocked or self.transport.is_closing():
            self._check_taking(now)
        elif reading is None or self._in_head or reading.response is not None:
            self.transport.close()
            self._deadline = now + WRITE_SECONDS
        else:
            self._refuse(DeadlineExceeded(f"no more of the request's body came within {BODY_SECONDS:g} seconds"))

    def _wait(self, seconds: float) -> None:
        """For more of a request; not while one before it is worked on, or the client has answers to take."""
        if not self._busy:
            self._deadline = self._time() + seconds

    def _refuse(self, error: LightshipError) -> None:
        """An error for a request that is not read to its end, after which the connection is of no use."""
        assert self._reading is not None
        self._reading.refuse(self._app.refuse(error))
        self._answer(self._reading)

    def _refuse_syntax(self, error: httptools.HttpParserError) -> None:
        reading = self._reading
        if reading is not None and reading.response is not None:  # an answer is enough
            self._deaf, self._reading = True, None
            if not self._unanswered(reading):
                self.transport.close()
        elif isinstance(error, httptools.HttpParserInvalidMethodError):
            self._answer_last(html_error(501, "Not Implemented"))
        else:
            self._answer_last(self._app.refuse(InvalidArgument(f"Invalid HTTP request: {error}")))

    def _answer_last(self, response: Response) -> None:
        """For what is no request; nothing behind it is read."""
        if self._reading is not None:
            self._reading.release()
        self._deaf, self._reading, self._in_head = True, None, False
        nothing = Incoming(self._app.limits, self._app.budget)
        nothing.refuse(response)
        self._answer(nothing)


def has_body(incoming: Incoming) -> bool:
    """Whether a request announces a body, which the parser passes over where an upgrade is asked for."""
    if incoming.method == "CONNECT":
        return False
    return incoming.declared > 0 or any(name == b"transfer-encoding" for name, _ in incoming.headers)


def target_of(url: bytes) -> str:
    """A request's target as it was sent, `/path?query#fragment`; of a proxy's form, what follows the host.

    Raises InvalidArgument for a proxy's form that is no URL.
    """
    if url.startswith(b"/") or b"://" not in url:
        return url.decode("latin-1")
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        raise InvalidArgument(f"Invalid HTTP request: {url.decode('latin-1')} is no URL") from None
    parts = ((b"", parsed.path or b"/"), (b"?", parsed.query), (b"#", parsed.fragment))
    return b"".join(mark + part for mark, part in parts if part).decode("latin-1")


_LONG_HEAD = InvalidArgument("The request's headers are more than 64 KiB")
