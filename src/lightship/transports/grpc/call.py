"""The call that a handler answers: its deadline, its cancellation, and its answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from lightship.errors import Cancelled, Code, DeadlineExceeded, LightshipError, Unavailable
from lightship.memory_budget import NOT_COUNTED, NoRoom, Reservation
from lightship.transports.access_log.record import AccessRecord

MAX_ERROR_BYTES = 1024  # the most bytes of an error message
CUT = "...TRUNCATED"
LATE = "Timed out waiting for notification"  # TensorFlow Serving's message


class Caller:
    """Who waits for the answer to a call, and until when."""

    # The deadline by `time.monotonic`, in seconds. None means no deadline.
    deadline: float | None = None
    # Counts the memory that is held for the call. Whoever allocates more for it reserves that first.
    memory: Reservation = NOT_COUNTED

    @property
    def record(self) -> AccessRecord | None:
        """What the access log will tell of the call. None: there is no access log."""
        return None

    @property
    def remaining(self) -> float | None:
        """The seconds until the deadline, or 0 if it has passed. None means no deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def cancelled(self) -> bool:
        """Returns whether the client has cancelled the call."""
        return False

    def on_end(self, hook: Callable[[], None]) -> None:
        """Registers a function to call when the call ends for any reason. If it has ended, calls it at once."""

    def over(self) -> bool:
        """Returns whether the client no longer waits for the answer."""
        return self.remaining == 0.0 or self.cancelled()

    def check(self) -> None:
        """Raises DeadlineExceeded, with TensorFlow Serving's message, or Cancelled if the client no longer waits."""
        if self.remaining == 0.0:
            raise DeadlineExceeded(LATE)
        if self.cancelled():
            raise Cancelled("the client has cancelled the call")


class Call(Caller):
    """A caller without a connection."""

    def __init__(
        self,
        deadline: float | None = None,
        cancelled: Callable[[], bool] | None = None,
        on_end: Callable[[Callable[[], None]], object] | None = None,
        memory: Reservation = NOT_COUNTED,
    ) -> None:
        self.deadline, self.memory = deadline, memory
        self._cancelled, self._on_end = cancelled, on_end

    def cancelled(self) -> bool:
        return self._cancelled is not None and self._cancelled()

    def on_end(self, hook: Callable[[], None]) -> None:
        if self._on_end is not None:
            self._on_end(hook)


class Answer(NamedTuple):
    """The bytes of a response message, or a status other than OK and its message."""

    body: bytes
    code: Code = Code.OK
    message: str = ""
    # The milliseconds after which the client may try again; negative for never; None for no advice.
    pushback: int | None = None
    # What may help the client, in printable ASCII; "" if nothing.
    hint: str = ""


def refusal(error: LightshipError) -> Answer:
    """Returns the answer to a call that failed. Too little memory is RESOURCE_EXHAUSTED, also if it is just for now."""
    code = Code.RESOURCE_EXHAUSTED if isinstance(error, NoRoom) else error.code
    pushback = 1000 * error.retry_after if isinstance(error, Unavailable) else None
    return Answer(b"", code, cut(error.message), pushback)


def cut(text: str) -> str:
    """Returns at most 1024 bytes of a text, cut between characters. A text that was cut ends with "...TRUNCATED"."""
    data = text.encode("utf-8", "replace")
    return data[:MAX_ERROR_BYTES].decode("utf-8", "ignore") + CUT if len(data) > MAX_ERROR_BYTES else data.decode()
