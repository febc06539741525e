"""Tasks that repeat: an error in one call ends neither the task nor the other calls, and a halt is noticed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

_LOG_SECONDS = 10.0  # between two lines in the log, since the next call may fail too
_LATE = 0.5  # seconds without a check after which the event loop has stood still


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


class HaltNoticed:
    """Tells a task on the event loop that checks deadlines whether the loop has stood still since the last check.

    That is so after a process was frozen (`docker pause`, a suspended machine), and where a control group grants it no
    time. What clients sent meanwhile waits in the kernel, and the loop reads it only after the check. So deadlines that
    have passed by then say nothing about the clients.
    """

    def __init__(self, now: float) -> None:
        self._checked_at = now
        self._halted = False

    def halted(self, now: float) -> bool:
        """Must be called before each check, which is to be left out if the answer is True. It never is twice in a row,
        so that deadlines also hold where the loop always has too much to do."""
        self._halted = now - self._checked_at > _LATE and not self._halted
        self._checked_at = now
        return self._halted
