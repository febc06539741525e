"""One HTTP request and its response, with retries and a deadline, but without a socket."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial

import httpx2

from lightship.client.address import without_password
from lightship.client.flow import Deadline, Flow, Outcome, send_with_retries
from lightship.client.proxies import proxy_advice
from lightship.errors import DeadlineExceeded, InvalidArgument, LightshipError, Unavailable

JSON = "application/json"
# What h11 says of a response that does not begin with a line of HTTP/1, such as the HTTP/2 frames of a gRPC server. It
# raises the same class for every response that it cannot read, so only the text says which it was.
_NOT_HTTP_1 = "illegal request line"
_MAX_RETRY_AFTER = 365 * 86400.0  # seconds


@dataclass(frozen=True, slots=True)
class HttpRequest:
    method: str

    path: str
    """Percent-encoded, below the server's address; may end in a query."""

    body: bytes = b""
    content_type: str = JSON
    """Sent only with a body."""

    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_headers(self) -> dict[str, str]:
        return {"Content-Type": self.content_type, **self.headers} if self.body else dict(self.headers)

    @property
    def repeatable(self) -> bool:
        """Whether the server may get it twice."""
        return self.method == "GET"


@dataclass(frozen=True, slots=True)
class HttpResponse:
    status: int

    headers: Mapping[str, str]
    """Names in lower case."""

    body: bytes

    url: str
    """Of the request, for messages; may hold a password."""

    @property
    def retry_after(self) -> float:
        """The seconds of the header Retry-After, which may be a number or a date; 0 if it is missing or invalid."""
        text = self.headers.get("retry-after", "").strip()
        try:
            seconds = float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0
        return min(max(0.0, seconds), _MAX_RETRY_AFTER)


def exchange(base: str, request: HttpRequest, deadline: Deadline, retries: int) -> Flow[HttpResponse]:
    """Returns the response to a request, whatever its HTTP status.

    A request is sent again, at most `retries` times, if it never reached the server, if the server answered 503, or if
    it is a GET whose connection broke. Raises Unavailable, DeadlineExceeded, InvalidArgument, and what the transport
    says of the client itself.
    """
    outcome = yield from send_with_retries(request, deadline, retries, partial(_pause_before_retry, request), _is_busy)
    if isinstance(outcome, HttpResponse):
        return outcome
    if isinstance(outcome, LightshipError):
        raise outcome
    assert isinstance(outcome, Exception)
    raise _as_our_error(outcome, base, deadline) from outcome


def _pause_before_retry(request: HttpRequest, outcome: Outcome, default: float) -> float | None:
    if isinstance(outcome, HttpResponse):
        return max(default, outcome.retry_after) if outcome.status == 503 else None
    if isinstance(outcome, (httpx2.ConnectError, httpx2.ConnectTimeout)):
        return default
    broken = isinstance(outcome, (httpx2.NetworkError, httpx2.RemoteProtocolError))
    return default if broken and request.repeatable else None


def _is_busy(outcome: Outcome) -> bool:
    return isinstance(outcome, HttpResponse) and outcome.status == 503 and "retry-after" in outcome.headers


def _as_our_error(error: Exception, base: str, deadline: Deadline) -> LightshipError:
    shown, reason = without_password(base), str(error) or type(error).__name__
    if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError)):
        advice = "check that the server runs on this host and port; `lightship serve MODEL_FOLDER` starts one"
        return Unavailable(f"no connection to {shown}: {reason}; {proxy_advice(base) or advice}")
    if isinstance(error, (httpx2.TimeoutException, TimeoutError)):
        return DeadlineExceeded(f"{shown} gave no answer within {deadline.seconds:g} s; allow more with timeout=")
    if isinstance(error, (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)):
        return InvalidArgument(f"the request cannot be sent to {shown}: {reason}")
    if _NOT_HTTP_1 in reason:
        return Unavailable(f"{shown} does not speak HTTP/1 ({reason}): if this is the gRPC port, write grpc://")
    return Unavailable(f"the connection to {shown} broke before the answer was complete: {reason}")
