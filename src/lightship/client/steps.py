"""What a client does, step by step, without a socket.

Every method of a client is a generator that yields what it wants done, `Send` or `Pause`, and is sent what came of it.
The synchronous and the asynchronous client only carry that out, so that neither can differ from the other.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

FIRST_PAUSE = 0.1  # seconds; doubled each time
LONGEST_PAUSE = 5.0


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


@dataclass(frozen=True, slots=True)
class Send:
    """`call`: as the transport knows it."""

    call: Any
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


Step = Send | Pause
Outcome = Any  # of a pause None; of a call what its transport returns, failures included
Steps = Generator[Step, Outcome, T]


def repeated(
    call: Any, deadline: Deadline, retries: int, pause: Callable[[Outcome, float], float | None]
) -> Steps[Outcome]:
    """What came of a call that is sent again at most `retries` times, while the deadline allows it.

    pause: takes an outcome and the seconds that are due by then; gives those to wait, None where repeating is not
    allowed or of no use.
    """
    for attempt in range(retries + 1):
        outcome = yield Send(call, deadline)
        seconds = pause(outcome, min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**attempt) * random.uniform(0.5, 1.0))
        if seconds is None or attempt == retries or not deadline.allows(seconds):
            break
        yield Pause(seconds)
    return outcome
