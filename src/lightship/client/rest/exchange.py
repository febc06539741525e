"""One HTTP call and its answer, with retries and a deadline, but without a socket."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial

import httpx2

from lightship.client.address import without_password
from lightship.client.steps import Deadline, Outcome, Steps, repeated
from lightship.errors import DeadlineExceeded, InvalidArgument, LightshipError, Unavailable

JSON = "application/json"
# What h11 says of an answer that does not begin with a line of HTTP/1, such as the frames of HTTP/2 with which a gRPC
# server begins. It raises the same class for every answer that it cannot read, so only the text says which it was.
_NOT_HTTP_1 = "illegal request line"


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str  # below the base, percent-encoded
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_headers(self) -> dict[str, str]:
        return {"Content-Type": self.content_type, **self.headers} if self.body else dict(self.headers)

    @property
    def repeatable(self) -> bool:
        return self.method == "GET"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    url: str


def exchange(base: str, call: Call, deadline: Deadline, retries: int) -> Steps[Answer]:
    """The answer to a call, whatever its HTTP status.

    Sent again, at most `retries` times: what never reached the server, what it refused with 503, and a GET whose
    connection broke. Raises Unavailable, DeadlineExceeded, InvalidArgument.
    """
    outcome = yield from repeated(call, deadline, retries, partial(_pause_before_repeating, call))
    if isinstance(outcome, Answer):
        return outcome
    assert isinstance(outcome, Exception)
    raise _as_our_error(outcome, base, deadline) from outcome


def _pause_before_repeating(call: Call, outcome: Outcome, backoff: float) -> float | None:
    if isinstance(outcome, Answer):
        return max(backoff, _retry_after(outcome)) if outcome.status == 503 else None
    if isinstance(outcome, (httpx2.ConnectError, httpx2.ConnectTimeout)):
        return backoff
    broken = isinstance(outcome, (httpx2.NetworkError, httpx2.RemoteProtocolError))
    return backoff if broken and call.repeatable else None


def _retry_after(answer: Answer) -> float:
    """Seconds the server asks for, given as seconds or as a date; 0 where it asks for nothing that can be read."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return 0.0


def _as_our_error(error: Exception, base: str, deadline: Deadline) -> LightshipError:
    shown, reason = without_password(base), str(error) or type(error).__name__
    if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout)):
        return Unavailable(
            f"no connection to {shown}: {reason}; is the server running, and is it on this host and port? "
            "`lightship serve MODEL_FOLDER` starts one"
        )
    if isinstance(error, (httpx2.TimeoutException, TimeoutError)):
        return DeadlineExceeded(f"{shown} gave no answer within {deadline.seconds:g} s; allow more with timeout=")
    if isinstance(error, (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)):
        return InvalidArgument(f"the call cannot be sent to {shown}: {reason}")
    if _NOT_HTTP_1 in reason:
        return Unavailable(f"{shown} does not speak HTTP/1 ({reason}): if it is the port of gRPC, write grpc://")
    return Unavailable(f"the connection to {shown} broke before the answer was complete: {reason}")
