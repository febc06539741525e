"""The call that a handler answers: its deadline, its cancellation, and its answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from lightship.errors import Cancelled, Code, DeadlineExceeded, LightshipError
from lightship.memory_budget import NOT_COUNTED, Reservation

__all__ = ["MAX_ERROR_BYTES", "Answer", "Call", "cut", "refusal"]

MAX_ERROR_BYTES = 1024  # the most bytes of an error message
CUT = "...TRUNCATED"
# grpcio represents no deadline by a huge number, and clients may send a number as large.
_FOREVER = threading.TIMEOUT_MAX / 2


def _never() -> bool:
    return False


def _unnoticed(_: Callable[[], None]) -> None:
    return None


class Call(NamedTuple):
    """The deadline of a gRPC call, and how to learn that the client cancelled it or that it ended."""

    # The deadline by `time.monotonic`, in seconds. None means no deadline.
    deadline: float | None = None
    # Returns whether the client has cancelled the call.
    cancelled: Callable[[], bool] = _never
    # Registers a function to call when the call ends for any reason. If it has ended, calls it at once.
    on_end: Callable[[Callable[[], None]], object] = _unnoticed
    # Counts the memory that is held for the call. Whoever allocates more for it reserves that first.
    memory: Reservation = NOT_COUNTED

    @property
    def remaining(self) -> float | None:
        """The seconds until the deadline, or 0 if it has passed. None means no deadline."""
        return None if self.deadline is None else min(_FOREVER, max(0.0, self.deadline - time.monotonic()))

    def over(self) -> bool:
        """Returns whether the client no longer waits for the answer."""
        return self.remaining == 0.0 or self.cancelled()

    def check(self) -> None:
        """Raises DeadlineExceeded, with TensorFlow Serving's message, or Cancelled if the client no longer waits."""
        if self.remaining == 0.0:
            raise DeadlineExceeded("Timed out waiting for notification")
        if self.cancelled():
            raise Cancelled("the client has cancelled the call")


class Answer(NamedTuple):
    """The bytes of a response message, or a status other than OK and its message."""

    body: bytes
    code: Code = Code.OK
    message: str = ""


def refusal(error: LightshipError) -> Answer:
    return Answer(b"", error.code, cut(error.message))


def cut(text: str) -> str:
    """Returns at most 1024 bytes of a text, cut between characters. A text that was cut ends with "...TRUNCATED"."""
    data = text.encode("utf-8", "replace")
    return data[:MAX_ERROR_BYTES].decode("utf-8", "ignore") + CUT if len(data) > MAX_ERROR_BYTES else data.decode()
