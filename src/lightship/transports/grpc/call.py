"""One call as a server's shell sees it: what it says of the client, and what it sends back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from lightship.errors import Cancelled, Code, DeadlineExceeded, LightshipError

__all__ = ["MOST_BYTES", "Answer", "Call", "cut", "refusal"]

MOST_BYTES = 1024  # of an error's text
CUT = "...TRUNCATED"
_FOREVER = threading.TIMEOUT_MAX / 2  # grpcio has a number beyond all clocks for none, and clients may send as much


def _never() -> bool:
    return False


def _unnoticed(_: Callable[[], None]) -> None:
    return None


class Call(NamedTuple):
    """deadline: by `time.monotonic`; None for none. cancelled: whether the client has gone. on_end: takes what is to be
    called when the call ends for the client, by whichever way; it may be called at once."""

    deadline: float | None = None
    cancelled: Callable[[], bool] = _never
    on_end: Callable[[Callable[[], None]], object] = _unnoticed

    @property
    def remaining(self) -> float | None:
        """Seconds until the deadline, 0 when it has passed; None where there is none."""
        return None if self.deadline is None else min(_FOREVER, max(0.0, self.deadline - time.monotonic()))

    def over(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self.remaining == 0.0 or self.cancelled()

    def check(self) -> None:
        """Raises DeadlineExceeded, in TensorFlow Serving's words, or Cancelled, where nobody waits any more."""
        if self.remaining == 0.0:
            raise DeadlineExceeded("Timed out waiting for notification")
        if self.cancelled():
            raise Cancelled("the client has cancelled the call")


class Answer(NamedTuple):
    """The bytes of a response message, or a status other than OK and its text."""

    body: bytes
    code: Code = Code.OK
    message: str = ""


def refusal(error: LightshipError) -> Answer:
    return Answer(b"", error.code, cut(error.message))


def cut(text: str) -> str:
    """The first 1024 bytes of a text, whole characters of them, and a remark where there were more."""
    data = text.encode("utf-8", "replace")
    return data[:MOST_BYTES].decode("utf-8", "ignore") + CUT if len(data) > MOST_BYTES else data.decode()
