"""One HTTP connection: uvicorn's, with time-outs for slow clients, bounded headers and a way to end without loss."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from lightship.server.listening import readable
from lightship.transports.rest.json_text import error_document
from lightship.transports.rest.messages import html_error

HEAD_SECONDS = 30.0  # for a request's line and headers, from its first byte or the connection's beginning
MOST_HEAD_BYTES = 64 << 10
_CONTINUE = b"HTTP/1.1 100 "


class DrainingState(ServerState):
    """What connections share. `draining`: answer what comes, and close."""

    def __init__(self) -> None:
        super().__init__()
        self.draining = False


class JoinedWrites:
    """What an answer is written to: its head waits for what follows, so that both go out in one packet."""

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = b""  # empty: still to come; None: it is out

    def write(self, data: bytes) -> None:
        if self._head is None or data.startswith(_CONTINUE):
            self._transport.write(data)
        elif not self._head:
            self._head = data
        else:
            self._transport.writelines((self._head, data))
            self._head = None

    def flush(self) -> None:
        if self._head:
            self._transport.write(self._head)
            self._head = None

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()


class HttpConnection(HttpToolsProtocol):
    """See https://www.uvicorn.org for the class below; all names without an underscore of their own are its."""

    server_state: DrainingState

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.quiet_since = self.loop.time()
        self._in_head = False
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._reject(431, "Request Header Fields Too Large", "The request's headers are more than 64 KiB")
            elif self._head_timer is None:
                self._await_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._head_timer is not None:
            self._head_arrived()
        before = self.cycle
        super().on_headers_complete()
        if self.scope["method"] != "HEAD":  # whose head nothing follows
            self.cycle.transport = cast(asyncio.Transport, JoinedWrites(self.transport))
        if self.server_state.draining:
            self._last_of(before)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.quiet_since = self.loop.time()

    def send_400_response(self, msg: str) -> None:
        """Called for what is no HTTP; the exception that says what is being handled then."""
        error = sys.exc_info()[1]
        if isinstance(error, httptools.HttpParserInvalidMethodError) or self._is_connect():
            page = html_error(501, "Not Implemented")
            self._write(501, "Not Implemented", page.content_type, page.body)
        else:
            self._reject(400, "Bad Request", f"Invalid HTTP request: {error}" if error else msg)

    @property
    def idle(self) -> bool:
        """Whether no request has begun, neither here nor in what the kernel has received."""
        if self._in_head or not (self.cycle is None or self.cycle.response_complete) or self.pipeline:
            return False
        connection = cast(socket.socket, self.transport.get_extra_info("socket"))
        return connection is None or not readable(connection)

    def drain(self) -> None:
        """The request that runs is the last one; its answer says so."""
        self._last_of(None)

    def close_now(self) -> None:
        self.transport.close()

    def _last_of(self, before: RequestResponseCycle | None) -> None:
        if before is not None and before is not self.cycle and not before.response_started:
            before.keep_alive = True  # another request came behind it, which is to be answered too
        if self.cycle is not None and not self.cycle.response_started:
            self.cycle.keep_alive = False

    def _is_connect(self) -> bool:
        return self.parser is not None and bool(cast(Any, self.parser).get_method() == b"CONNECT")

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _head_arrived(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()

    def _reject(self, status: int, phrase: str, message: str) -> None:
        self._write(status, phrase, b"application/json", error_document(message))

    def _write(self, status: int, phrase: str, content_type: bytes, body: bytes) -> None:
        if self.transport.is_closing():
            return
        head = f"HTTP/1.1 {status} {phrase}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n".encode()
        date = b"".join(b"%s: %s\r\n" % pair for pair in self.server_state.default_headers)
        self.transport.write(head + date + b"content-type: " + content_type + b"\r\n\r\n" + body)
        self.transport.close()
