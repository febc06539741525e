"""Failures that repeat, such as those of a version that is tried again: each reason is logged once, not each time."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# What may differ in a text although the reason is the same: addresses, names of temporary files, the numbers of
# processes, and measured values.
_VARYING = re.compile(r"0x[0-9a-fA-F]+|lightship-work-\w+|\bworker \d+|\d+\.\d+(?:e[+-]?\d+)?|\d+e[+-]?\d+")

_again: ContextVar[bool] = ContextVar("again", default=False)


class RepeatedFailure:
    """The failures of one thing one after the other. Must be used by one thread at a time."""

    __slots__ = ("_reason", "times")

    def __init__(self) -> None:
        # How many failures there were since the last success.
        self.times = 0
        self._reason = ""

    def is_new(self, reason: str) -> bool:
        """Counts a failure. Returns whether to log it: it is the first one, or the last one had another reason."""
        kind = _VARYING.sub("#", reason)
        new = not self.times or kind != self._reason
        self.times, self._reason = self.times + 1, kind
        return new

    def ended(self) -> int:
        """Counts a success. Returns how many failures there were before it."""
        times, self.times = self.times, 0
        return times

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """While the block runs on this thread, `log_level` returns DEBUG if the last attempt has failed."""
        token = _again.set(self.times > 0)
        try:
            yield
        finally:
            _again.reset(token)


def log_level(level: int) -> int:
    """Returns the level of a line that every attempt logs: DEBUG in an attempt that repeats a failed one."""
    return logging.DEBUG if _again.get() else level


def exception_text(error: Exception) -> str:
    """Returns an unexpected exception as a reason."""
    return f"{type(error).__name__}: {error}"
