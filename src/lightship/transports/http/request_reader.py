"""Collects a request's head and body within the limits and within the memory budget of all requests."""

from __future__ import annotations

from io import BytesIO

from lightship.errors import TooLarge
from lightship.memory_budget import UNCOUNTED, MemoryBudget, Reservation
from lightship.transports.access_log.record import AccessRecord, Recorder
from lightship.transports.http.limits import Limits
from lightship.transports.http.messages import Request, Response

_HEADER = 200  # bytes that the objects of one header take, besides its text
_MIN_ROOM, _MAX_ROOM = 64 << 10, 8 << 20  # bytes by which a body's buffer is made larger


class RequestReader:
    """Collects one request. Must be released when its bytes are no longer needed.

    `memory` counts what is held for the request. `http_1_1` is False for HTTP/1.0. `host` is the Host header, and
    `fault` what is wrong with the headers. `response` is set if the request was refused before it was complete.
    `record` is what the access log will tell of it, if there is one and it has a record of its own.
    """

    __slots__ = (
        "_body", "_head", "_limits", "chunked", "declared", "expects_continue", "fault", "headers", "host", "http_1_1",
        "keep_alive", "memory", "method", "record", "response", "room_end", "size", "target", "url",
    )  # fmt: skip

    def __init__(self, limits: Limits, budget: MemoryBudget) -> None:
        self._limits = limits
        self._head = 0  # bytes that are counted besides the body
        self._body: bytes | BytesIO = b""
        self.memory = Reservation(budget)
        self.url = b""
        self.method = self.target = ""
        self.headers: list[tuple[bytes, bytes]] = []
        self.size = self.declared = 0
        self.room_end = 0  # the size of the buffer, if it was made larger than the bytes that have come
        self.expects_continue = self.chunked = False
        self.host: bytes | None = None
        self.fault = ""
        self.keep_alive = self.http_1_1 = True
        self.response: Response | None = None
        self.record: AccessRecord | None = None

    def check_declared(self, budget: MemoryBudget) -> None:
        """Checks the Content-Length before any of the body is read.

        Raises TooLarge if it exceeds the limit or the budget, and Unavailable if other requests hold the memory now.
        """
        if self.declared > self._limits.least:
            self._check(self.declared)
        if self.declared > UNCOUNTED:
            budget.check(self.declared)

    def add(self, chunk: bytes) -> None:
        """Adds a part of the body.

        Raises TooLarge if the body exceeds the limit or the budget, and Unavailable if other requests hold the memory
        now.
        """
        size = self.size + len(chunk)
        if size > self._limits.least:
            self._check(size)
        if size > UNCOUNTED or self.memory.counted:
            self.memory.grow_to(self._head + size)
        self.size = size
        if self._body == b"":
            self._body = chunk
            return
        self._buffer().write(chunk)

    def room(self) -> memoryview:
        """Returns the part of the buffer into which the next bytes of a body of a declared length belong.

        It is made larger when it is full, at most by as much as has come, so that a client that only promises a large
        body costs nothing. The view must be released before the next call. Raises the errors of `add`.
        """
        if self.size >= self.room_end:
            missing = self.declared - self.size
            end = self.size + min(missing, max(_MIN_ROOM, min(self.size, _MAX_ROOM)))
            self.memory.grow_to(self._head + end)
            buffer = self._buffer()
            buffer.seek(end - 1)
            buffer.write(b"\0")
            self.room_end = end
        return self._buffer().getbuffer()[self.size : self.room_end]

    def _buffer(self) -> BytesIO:
        """Returns the body as a buffer that grows in place and returns its bytes without a copy."""
        body = self._body
        if isinstance(body, bytes):
            self._body = grown = BytesIO()
            grown.write(body)
            return grown
        return body

    @property
    def received(self) -> int:
        """Grows with each byte that is received."""
        return self._head + self.size

    def take(self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Takes a whole request that is plain, and whose body is within the limits."""
        self.method, self.target, self.headers, self._body = method, target, headers, body
        self.size = self.declared = len(body)

    @property
    def is_plain(self) -> bool:
        """Whether everything that its head says, besides its headers, is what HTTP/1.1 has by default."""
        return self.keep_alive and self.http_1_1 and not (self.chunked or self.expects_continue)

    def keep(self, head: int) -> None:
        """Counts all of the request, because it stays in memory after this turn of the event loop.

        head: the bytes of its line and headers. Raises the errors of `add`.
        """
        self._head = head + _HEADER * (1 + len(self.headers))
        self.memory.keep(self._head + self.size)

    def request(self, client: str = "", recorder: Recorder | None = None) -> Request:
        """Returns the request. May be called only once, because the reader gives its bytes away."""
        body, self._body = self._body, b""
        if not isinstance(body, bytes):
            body = body.getvalue()
        return Request(self.method, self.target, body, self.headers, self.memory, client, recorder)

    def refuse(self, response: Response) -> None:
        """Sets the response of an incomplete request and drops the bytes that were received."""
        self.release()
        self.response = response

    def succeed(self, other: RequestReader, method: str) -> None:
        """Takes over what the access log tells of a request whose headers were perhaps not complete."""
        self.record, self.size = other.record, other.size
        if self.record is not None:
            self.record.method, self.record.path = method, other.shown_target

    @property
    def has_id(self) -> bool:
        """Whether its headers have an id for the access log, valid or not."""
        record = self.record
        return record is not None and (record.given_id is not None or record.given_trace is not None)

    @property
    def shown_target(self) -> str:
        """The target, or what has come of it, for the access log."""
        return self.target or self.url.decode("latin-1")

    def release(self) -> None:
        self._body = b""
        if self.memory.peak:  # else there is nothing to give back
            self.memory.release()

    def _check(self, size: int) -> None:
        limit = self._limits.of(Request(self.method, self.target, b"", self.headers).content_type)
        if size > limit:
            raise TooLarge(
                f"The request's body has {size} bytes or more; the limit is {limit}. Send less, or start the server "
                "with a larger --max-request-bytes"
            )
