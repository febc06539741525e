"""A request while it is read: its head, then its body, within the limits and the budget of all bodies together."""

from __future__ import annotations

from io import BytesIO

from lightship.errors import TooLarge, Unavailable
from lightship.transports.http.limits import SMALL, Budget, Limits
from lightship.transports.http.messages import Request, Response


class RequestReader:
    """Collects one request. Must be released when its bytes are not needed any more.

    http_1_1: whether the request's version is HTTP/1.1, and not 1.0. response: the response of a request that was
    refused before it was read to its end.
    """

    __slots__ = (
        "_budget", "_body", "_held", "_limits", "declared", "expects_continue", "headers", "keep_alive", "method",
        "http_1_1", "response", "size", "target", "url",
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
        self.expects_continue = False
        self.keep_alive = self.http_1_1 = True
        self.response: Response | None = None

    def check_declared(self) -> None:
        """Raises TooLarge for a Content-Length beyond the limit, before anything of the body is read."""
        if self.declared > self._limits.least:
            self._check(self.declared)

    def add(self, chunk: bytes) -> None:
        """Raises TooLarge as soon as the body is; Unavailable if all bodies together are too much."""
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
            self._body = grown = BytesIO()  # it grows in place, and hands its bytes over without a copy
            grown.write(body)
            body = grown
        body.write(chunk)

    def request(self) -> Request:
        """The request. What was read is handed over, so this is called once."""
        body, self._body = self._body, b""
        return Request(self.method, self.target, body if isinstance(body, bytes) else body.getvalue(), self.headers)

    def refuse(self, response: Response) -> None:
        """Sets the response before the request was read to its end, and drops what was read."""
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
