"""Collects a request's head and body within the limits and within the memory budget of all bodies."""

from __future__ import annotations

from io import BytesIO

from lightship.errors import TooLarge, Unavailable
from lightship.transports.http.limits import SMALL, Budget, Limits
from lightship.transports.http.messages import Request, Response


class RequestReader:
    """Collects one request. Must be released when its bytes are no longer needed.

    `http_1_1` is False for HTTP/1.0. `host` is the Host header, and `fault` what is wrong with the headers. `response`
    is set if the request was refused before it was complete.
    """

    __slots__ = (
        "_budget", "_body", "_held", "_limits", "chunked", "declared", "expects_continue", "fault", "headers", "host",
        "http_1_1", "keep_alive", "method", "response", "size", "target", "url",
    )  # fmt: skip

    def __init__(self, limits: Limits, budget: Budget) -> None:
        self._limits = limits
        self._budget = budget
        self._body: bytes | BytesIO = b""
        self._held = 0
        self.url = b""
        self.method = self.target = ""
        self.headers: list[tuple[bytes, bytes]] = []
        self.size = self.declared = 0
        self.expects_continue = self.chunked = False
        self.host: bytes | None = None
        self.fault = ""
        self.keep_alive = self.http_1_1 = True
        self.response: Response | None = None

    def check_declared(self) -> None:
        """Raises TooLarge if the Content-Length exceeds the limit. Called before any of the body is read."""
        if self.declared > self._limits.least:
            self._check(self.declared)

    def add(self, chunk: bytes) -> None:
        """Adds a part of the body.

        Raises TooLarge if the body exceeds the limit, and Unavailable if all bodies together exceed the memory budget.
        """
        size = self.size + len(chunk)
        if size > self._limits.least:
            self._check(size)
        if size > SMALL:
            if not self._budget.take(size - self._held, self._held):
                raise Unavailable("the requests being read take all the memory set aside for them; try again soon")
            self._held = size
        self.size = size
        if self._body == b"":
            self._body = chunk
            return
        body = self._body
        if isinstance(body, bytes):
            self._body = grown = BytesIO()  # it grows in place and returns its bytes without a copy
            grown.write(body)
            body = grown
        body.write(chunk)

    def request(self, client: str = "") -> Request:
        """Returns the request. May be called only once, because the reader gives its bytes away."""
        body, self._body = self._body, b""
        return Request(
            self.method, self.target, body if isinstance(body, bytes) else body.getvalue(), self.headers, client
        )

    def refuse(self, response: Response) -> None:
        """Sets the response of an incomplete request and drops the bytes that were received."""
        self.release()
        self.response = response

    def release(self) -> None:
        self._body = b""
        if self._held:
            self._budget.give_back(self._held)
            self._held = 0

    def _check(self, size: int) -> None:
        limit = self._limits.of(Request(self.method, self.target, b"", self.headers).content_type)
        if size > limit:
            raise TooLarge(
                f"The request's body has {size} bytes or more; the limit is {limit}. Send less, or start the server "
                "with a larger --max-request-bytes"
            )
