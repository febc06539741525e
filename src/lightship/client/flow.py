"""The logic of a client's methods, without any I/O.

Each method is a generator. It yields a `Send` or a `Pause` and receives the outcome. `Client` and `AsyncClient` only
carry these out, so they cannot behave differently.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

MIN_PAUSE = 0.1  # seconds before the first retry; doubled each time
MAX_PAUSE = 5.0
_MAX_SECONDS = 2**31  # of a deadline; a later one is none, because neither threads nor gRPC can wait much longer


@dataclass(frozen=True, slots=True)
class Deadline:
    """When one method of a client must be finished, retries and pauses included."""

    seconds: float | None
    """Counted from `start`; None for no limit."""

    start: float = field(default_factory=time.monotonic)

    patient: bool = False
    """Whether to go on asking a server that says that it has too much work now, however often it refuses."""

    def left(self) -> float | None:
        """Seconds, 0 if the deadline has passed; None for no limit."""
        if self.seconds is None or self.seconds > _MAX_SECONDS:
            return None
        return max(0.0, self.start + self.seconds - time.monotonic())

    def allows(self, pause: float) -> bool:
        """Whether time is left after a pause of `pause` seconds."""
        left = self.left()
        return left is None or pause < left


@dataclass(frozen=True, slots=True)
class Send:
    """A step of a flow. The client sends the request and passes the response or the failure back to the generator."""

    request: Any
    """An HttpRequest or a GrpcRequest, as the transport expects."""

    deadline: Deadline


@dataclass(frozen=True, slots=True)
class Pause:
    """A step of a flow. The client waits and then continues the generator."""

    seconds: float


Step = Send | Pause
Outcome = Any  # of `Send`: what the transport returns, which may be a failure; of `Pause`: None
Flow = Generator[Step, Outcome, T]


def send_with_retries(
    request: Any,
    deadline: Deadline,
    retries: int,
    pause: Callable[[Outcome, float], float | None],
    is_busy: Callable[[Outcome], bool] = lambda outcome: False,
) -> Flow[Outcome]:
    """Sends a request, again at most `retries` times while the deadline allows it. Returns the last outcome.

    pause: takes an outcome and the default pause in seconds. It returns the seconds to wait before the next attempt, or
        None if the request must not or need not be sent again.
    is_busy: whether the outcome says that the server has too much work now. If the deadline is patient, such an outcome
        does not count as one of the `retries`.
    """
    attempt = waits = 0
    while True:
        outcome = yield Send(request, deadline)
        wait = deadline.patient and is_busy(outcome)
        backoff = min(MAX_PAUSE, MIN_PAUSE * 2.0 ** min(attempt + waits, 10))
        seconds = pause(outcome, backoff * random.uniform(0.5, 1.0))
        if seconds is None or (attempt == retries and not wait):
            return outcome
        if wait:
            seconds *= random.uniform(1.0, 1.5)  # requests that were refused together do not come back together
        if not deadline.allows(seconds):
            return outcome
        yield Pause(seconds)
        attempt, waits = attempt + (not wait), waits + wait


def complete(flow: Flow[T]) -> T:
    """Returns the result of a flow that has no steps: one for a model in this process, which needs no request."""
    try:
        step = next(flow)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise AssertionError(f"a flow without I/O has the step {step!r}")
