"""Starts threads, and copes with a system that allows no further one now.

A process may have as many threads as its user, its control group (`pids.max`) or its memory allow. At that limit, work
must wait, be refused or be left out; it must not be lost together with what was counted for it. The threads have the
usual priority, also those that a thread of low priority asks for, because others may use them later.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from lightship.priority import at_usual_priority

logger = logging.getLogger(__name__)

MAX_WAIT_SECONDS = 2**31  # 68 years, as TensorFlow Serving's flags take; threads cannot wait much longer
NO_THREAD = "can't start new thread"  # Python's text, for whatever limit it is
RAISE_LIMITS = (
    "raise the limit of threads (pids.max of the container, TasksMax of systemd, `ulimit -u`), files or memory that is "
    "too low, or serve fewer models"
)
_LOG_SECONDS = 10.0  # between two lines in the log, since whoever needs a thread may try again soon
_logged_at = -_LOG_SECONDS


def start_thread(target: Callable[..., object], *arguments: object, name: str) -> bool:
    """Calls `target` on a daemon thread. Returns False, and logs why, if the system allows no further thread now."""
    return _started(threading.Thread(target=target, args=arguments, name=name, daemon=True))


def start_timer(seconds: float, target: Callable[[], None]) -> threading.Timer | None:
    """Calls `target` after some seconds on a daemon thread, which waits until then.

    Returns the timer, or None, and logs why, if the system allows no further thread now.
    """
    timer = threading.Timer(seconds, target)
    timer.daemon = True
    return timer if _started(timer) else None


def startable_threads(wanted: int) -> int:
    """Returns how many further threads the system allows now, at most `wanted`.

    It starts and ends them. This is for libraries that end the process if they do not get a thread.
    """
    over = threading.Event()
    started: list[threading.Thread] = []
    try:
        for _ in range(wanted):
            probe = threading.Thread(target=over.wait, name="lightship-probe", daemon=True)
            probe.start()
            started.append(probe)
    except (RuntimeError, MemoryError):
        return len(started)
    finally:
        over.set()
        for probe in started:
            probe.join()
    return wanted


def _started(thread: threading.Thread) -> bool:
    global _logged_at
    try:
        at_usual_priority(thread.start)
    except (RuntimeError, MemoryError) as error:
        if (now := time.monotonic()) - _logged_at >= _LOG_SECONDS:
            _logged_at = now
            logger.warning("%s: the thread %s waits; raise the limit of threads", error, thread.name)
        return False
    return True
