"""One call and its answer, with retries and a deadline, but without a socket.

Everything a client does is a generator that yields what it wants done, `Send` or `Pause`, and is sent what came of it.
The synchronous and the asynchronous client only carry that out, so that neither can differ from the other.
"""

from __future__ import annotations

import random
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx2

from lightship.client.address import without_password
from lightship.errors import DeadlineExceeded, InvalidArgument, LightshipError, Unavailable

T = TypeVar("T")

JSON = "application/json"
FIRST_PAUSE = 0.1  # seconds; doubled each time
LONGEST_PAUSE = 5.0
CONNECT_SECONDS = 5.0  # a server that is there accepts sooner


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


@dataclass(frozen=True, slots=True)
class Send:
    call: Call
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


Step = Send | Pause
Outcome = Answer | Exception | None
Steps = Generator[Step, Outcome, T]


@dataclass(frozen=True, slots=True)
class Deadline:
    """The end of everything one method of a client does, retries and pauses included. `seconds` None: no end."""

    seconds: float | None
    start: float = field(default_factory=time.monotonic)

    def left(self) -> float | None:
        return None if self.seconds is None else max(0.0, self.start + self.seconds - time.monotonic())

    def allows(self, pause: float) -> bool:
        left = self.left()
        return left is None or pause < left

    def timeout(self) -> httpx2.Timeout:
        left = self.left()
        return httpx2.Timeout(left, connect=CONNECT_SECONDS if left is None else min(left, CONNECT_SECONDS))


def exchange(base: str, call: Call, deadline: Deadline, retries: int) -> Steps[Answer]:
    """The answer to a call, whatever its HTTP status.

    Sent again, at most `retries` times: what never reached the server, what it refused with 503, and a GET whose
    connection broke. Raises Unavailable, DeadlineExceeded, InvalidArgument.
    """
    for attempt in range(retries + 1):
        outcome = yield Send(call, deadline)
        pause = _pause_before_repeating(call, outcome, attempt)
        if pause is None or attempt == retries or not deadline.allows(pause):
            break
        yield Pause(pause)
    if isinstance(outcome, Answer):
        return outcome
    assert isinstance(outcome, Exception)
    raise _as_our_error(outcome, base, deadline) from outcome


def _pause_before_repeating(call: Call, outcome: Outcome, attempt: int) -> float | None:
    """Seconds to wait, or None where repeating is not allowed or of no use."""
    backoff = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**attempt) * random.uniform(0.5, 1.0)
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
    return Unavailable(f"the connection to {shown} broke before the answer was complete: {reason}")
