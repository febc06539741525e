"""The calls of a task that repeats: an error in one of them ends neither the task nor the other calls."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

_LOG_SECONDS = 10.0  # between two lines in the log, since the next call may fail too


class PeriodicCalls:
    """Calls functions, and logs what they raise. Must be used by one thread at a time."""

    def __init__(self, what: str) -> None:
        """`what` is done by these calls, for the log."""
        self._what = what
        self._logged_at = -_LOG_SECONDS

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Calls a function. An exception is logged, but not many times in a row."""
        try:
            function(*arguments)
        except Exception:
            now = time.monotonic()
            if now - self._logged_at >= _LOG_SECONDS:
                self._logged_at = now
                logger.exception("%s failed", self._what)
