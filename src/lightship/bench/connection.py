"""A connection that sends one request after the other and measures each, on a poller."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable
from time import perf_counter_ns

from lightship.bench.endpoint import ConnectionFactory
from lightship.bench.exchange import CLOSED, NOT_CONNECTED, REFUSED, TIMEOUT, InvalidResponse
from lightship.bench.poller import READ, WRITE, Poller

_READ_SIZE = 1 << 18
_IN_PROGRESS = (0, errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", errno.EWOULDBLOCK))
_WAIT = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_INVALID = "invalid response"
_RETRY_NANOSECONDS = 100_000_000


class Connection:
    """One connection of the load. Each request that it begins ends by a call of `ended`."""

    __slots__ = (
        *("_answered", "_established", "_exchange", "_factory", "_poller", "_ended", "_socket", "_unsent", "_watched"),
        *("busy", "intended", "number", "retry_at"),
    )

    def __init__(
        self, factory: ConnectionFactory, poller: Poller, ended: Callable[[Connection, str, int], None]
    ) -> None:
        """ended: called with the connection, what was wrong (empty if nothing), and the time, in nanoseconds."""
        self._factory, self._poller, self._ended = factory, poller, ended
        self._socket: socket.socket | None = None
        self._exchange = factory.exchange()
        self._established, self._watched, self._unsent = False, READ, memoryview(b"")
        self._answered = False  # on this socket
        self.busy = False
        self.intended = 0  # when the request should have begun
        self.number = 0
        self.retry_at = 0  # not before then, after a connection that answered nothing

    @property
    def ready(self) -> bool:
        """Whether a request would be sent at once."""
        return self._established and self._exchange.ready and self._exchange.reusable

    def connect(self) -> None:
        """Begins to connect, unless it is connected."""
        if self._socket is not None:
            return
        self._exchange, self._unsent = self._factory.exchange(), memoryview(b"")
        self._established = self._answered = False
        try:
            self._socket = self._factory.open_socket()
        except OSError as error:
            self._fail(f"{NOT_CONNECTED}: {error.strerror}")
            return
        code = self._socket.connect_ex(self._factory.endpoint.address)
        if code not in _IN_PROGRESS:
            self._fail(_connect_error(code))
            return
        self._watched = READ | WRITE
        self._poller.watch(self._socket, self._watched, self._on_events)

    def begin(self, number: int, intended: int) -> None:
        """Sends a request, when it is connected. intended: when it should have begun, in nanoseconds."""
        self.busy, self.number, self.intended = True, number, intended
        if self._socket is not None and not self._exchange.reusable:
            self.close()
        if self.ready:
            self._send(self._exchange.begin(number))
        else:
            self.connect()

    def give_up(self, now: int) -> None:
        """The request has taken too long."""
        self.close()
        self._end(TIMEOUT, now)

    def close(self) -> None:
        if self._socket is not None:
            self._poller.forget(self._socket)
            self._socket.close()
        self._socket, self._established = None, False

    def _end(self, error: str, now: int) -> None:
        if self.busy:
            self.busy = False
            self._ended(self, error, now)

    def _fail(self, error: str) -> None:
        now = perf_counter_ns()
        if not self._answered:
            self.retry_at = now + _RETRY_NANOSECONDS
        self.close()
        self._end(error, now)

    def _on_events(self, events: int) -> None:
        if not self._established:
            self._establish()
            return
        if events & READ:
            self._receive()
        if events & WRITE and self._socket is not None:
            self._flush()

    def _establish(self) -> None:
        """Goes on with connecting, and then with TLS."""
        assert self._socket is not None
        if not isinstance(self._socket, ssl.SSLSocket):
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                self._fail(_connect_error(code))
                return
            self._poller.forget(self._socket)
            try:
                self._socket = self._factory.secured(self._socket)
            except OSError as error:  # it is closed already
                self._fail(f"{NOT_CONNECTED}: {error.strerror or error}")
                return
            self._poller.watch(self._socket, READ | WRITE, self._on_events)
        if isinstance(self._socket, ssl.SSLSocket) and not self._shake_hands(self._socket):
            return
        self._established = True
        self._watch(READ)
        self._send(self._exchange.opening())
        self._begin_if_ready()

    def _shake_hands(self, secured: ssl.SSLSocket) -> bool:
        try:
            secured.do_handshake()
        except ssl.SSLWantReadError:
            self._watch(READ)
        except ssl.SSLWantWriteError:
            self._watch(READ | WRITE)
        except OSError as error:
            self._fail(f"TLS: {getattr(error, 'reason', None) or error.strerror or error}")
        else:
            return True
        return False

    def _begin_if_ready(self) -> None:
        if self.busy and self._exchange.done and self.ready:
            self._send(self._exchange.begin(self.number))

    def _send(self, data: bytes) -> None:
        if not data or self._socket is None:
            return
        if self._unsent:
            self._unsent = memoryview(bytes(self._unsent) + data)
            return
        try:
            sent = self._socket.send(data)
        except _WAIT:
            sent = 0
        except OSError:
            self._fail(CLOSED)
            return
        if sent < len(data):
            self._unsent = memoryview(data)[sent:]
            self._watch(READ | WRITE)

    def _flush(self) -> None:
        assert self._socket is not None
        try:
            while self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except _WAIT:
            return
        except OSError:
            self._fail(CLOSED)
            return
        self._watch(READ)

    def _watch(self, events: int) -> None:
        if events != self._watched and self._socket is not None:
            self._watched = events
            self._poller.change(self._socket, events, self._on_events)

    def _receive(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(_READ_SIZE)
            if isinstance(self._socket, ssl.SSLSocket) and data:
                while self._socket.pending():
                    data += self._socket.recv(_READ_SIZE)
        except _WAIT:
            return
        except OSError:
            self._fail(CLOSED)
            return
        exchange = self._exchange
        waiting = not exchange.done
        if data:
            try:
                reply = exchange.receive(data)
            except InvalidResponse:
                self._fail(_INVALID)
                return
            if reply:
                self._send(reply)
        else:
            exchange.end()
        self._after(waiting, closed=not data)

    def _after(self, waiting: bool, *, closed: bool) -> None:
        """Ends the request if it is answered, or begins the one that waits for the connection."""
        exchange = self._exchange
        if waiting and exchange.done:
            now, error = perf_counter_ns(), exchange.error
            self._answered = True
            if closed or not exchange.reusable:
                self.close()
            self._end(error, now)
        elif closed:
            self._fail(CLOSED)
        else:
            self._begin_if_ready()


def _connect_error(code: int) -> str:
    if code in (errno.ECONNREFUSED, getattr(errno, "WSAECONNREFUSED", errno.ECONNREFUSED)):
        return REFUSED
    if code in (errno.ECONNRESET, getattr(errno, "WSAECONNRESET", errno.ECONNRESET)):
        return CLOSED  # the server ended before it accepted the connection
    return f"{NOT_CONNECTED}: {errno.errorcode.get(code, code)}"
