"""Lowers the priority of work that must not slow down requests. Only Linux has a priority for each thread."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from lightship.threads import start_thread

Result = TypeVar("Result")

# A thread of this niceness gets a quarter of a processor that a request wants too.
_THREAD_NICENESS = 5
_MAX_NICENESS = 19
_SHORT_SWITCH = 0.0005  # seconds
# Linux lets users change the niceness of a session only so many seconds after the last change.
_SESSION_SECONDS = 0.11
_SESSION_ATTEMPTS = 5


def at_low_priority(function: Callable[[], Result]) -> Result:
    """Calls a function on a thread of low priority, and returns its result or raises its error.

    A thread cannot raise its priority again, and the threads that it starts inherit it. So the function should not
    start threads that others use later, and should do little in Python itself: while it holds the interpreter's lock,
    others wait for it. Where only processes have a priority, the function is just called.
    """
    if sys.platform != "linux":
        return function()
    result: Future[Result] = Future()
    if not start_thread(_call, function, result, name="lightship-low-priority"):
        return function()
    try:
        return result.result()
    finally:
        del result  # an error in it refers to this frame


def _call(function: Callable[[], Result], result: Future[Result]) -> None:
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, min(_MAX_NICENESS, os.getpriority(os.PRIO_PROCESS, 0) + _THREAD_NICENESS))
    try:
        result.set_result(function())
    except BaseException as error:
        result.set_exception(error)


class _SwitchInterval:
    """How soon Python lets another thread run that waits for it. Any thread may call its methods."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shorter = 0
        self._usual = 0.0

    @contextmanager
    def shorter(self) -> Iterator[None]:
        with self._lock:
            if not self._shorter:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(self._usual, _SHORT_SWITCH))
            self._shorter += 1
        try:
            yield
        finally:
            with self._lock:
                self._shorter -= 1
                if not self._shorter:
                    sys.setswitchinterval(self._usual)


_switch_interval = _SwitchInterval()


def giving_way() -> AbstractContextManager[None]:
    """Returns a context in which a thread that computes in Python gives way to others within half a millisecond.

    Usually it keeps the interpreter's lock for 5 ms, and a request needs the lock several times. Several threads may be
    in such contexts at the same time.
    """
    return _switch_interval.shorter()


def lower_process(niceness: int) -> None:
    """Lowers the priority of this process for good, by so much niceness.

    Where Linux groups processes by their session (`CONFIG_SCHED_AUTOGROUP`), a niceness only counts among those of the
    same session. If this process leads a session, that gets the niceness too. Windows has no such call.
    """
    if sys.platform == "win32":
        return
    with suppress(OSError):
        os.nice(niceness)
    if sys.platform == "linux" and os.getsid(0) == os.getpid():
        _lower_session(os.getpriority(os.PRIO_PROCESS, 0))


def _lower_session(niceness: int) -> None:
    for _ in range(_SESSION_ATTEMPTS):
        try:
            Path("/proc/self/autogroup").write_text(str(niceness))
        except BlockingIOError:
            time.sleep(_SESSION_SECONDS)
        except OSError:  # there are no such groups
            return
        else:
            return
