"""Lowers the priority of work that must not slow down requests. Only Linux has a priority for each thread."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from lightship.time_slices import LONG, set_time_slice

if TYPE_CHECKING:
    from concurrent.futures import Future

Result = TypeVar("Result")

# A thread of this niceness gets a quarter of a processor that a request wants too.
_THREAD_NICENESS = 5
_MAX_NICENESS = 19
_PAUSE = 0.00005  # seconds
_SHORT_SWITCH = 0.0001  # seconds

_Jobs = SimpleQueue[Callable[[], None] | None]


class _Low(threading.local):
    """What a thread knows of its own priority."""

    # If it has low priority: takes what the thread that waits for it is to do. None ends the wait.
    jobs: _Jobs | None = None


_low = _Low()


def _threads_have_priorities() -> bool:
    """Returns whether a thread has a priority of its own, and not only a process: on Linux."""
    return sys.platform == "linux" and hasattr(os, "setpriority")


def at_low_priority(function: Callable[[], Result]) -> Result:
    """Calls a function on a thread of low priority, and returns its result or raises its error.

    The thread also has a long time slice, so that others take the processor from it as soon as they are woken. It
    cannot raise its priority again, and the threads that it starts inherit both, unless they are started
    `at_usual_priority`, as those of `lightship.threads` are. The function should do little in Python itself: while it
    holds the interpreter's lock, others wait for it. It is just called if this thread has low priority already, if no
    thread can be started, and where only processes have a priority.
    """
    if not _threads_have_priorities() or _low.jobs is not None:
        return function()
    from concurrent.futures import Future  # takes long to import, and few commands need it

    jobs: _Jobs = SimpleQueue()
    result: Future[Result] = Future()
    arguments = copy_context().run, function, result, jobs
    try:
        threading.Thread(target=_call_low, args=arguments, name="lightship-low-priority", daemon=True).start()
    except (RuntimeError, MemoryError):  # the system allows no further thread now
        return function()
    try:
        while (job := jobs.get()) is not None:
            job()
        return result.result()
    finally:
        del result, arguments  # an error in them refers to this frame


def has_low_priority() -> bool:
    """Returns whether this thread works at low priority. Only Linux has a priority for each thread."""
    return _low.jobs is not None


def same_priority() -> Callable[[], None]:
    """Returns a function that a thread started by this one calls first, so that it knows which priority it has."""
    jobs = _low.jobs

    def know() -> None:
        _low.jobs = jobs

    return know


def at_usual_priority(function: Callable[[], Result]) -> Result:
    """Calls a function, and returns its result or raises its error.

    On a thread of low priority, the thread that waits for this one in `at_low_priority` calls it.
    """
    jobs = _low.jobs
    if jobs is None:
        return function()
    from concurrent.futures import Future

    result: Future[Result] = Future()
    jobs.put(partial(_settle, function, result))
    try:
        return result.result()
    finally:
        del result  # an error in it refers to this frame


def _call_low(
    in_context: Callable[[Callable[[], Result]], Result],
    function: Callable[[], Result],
    result: Future[Result],
    jobs: _Jobs,
) -> None:
    _low.jobs = jobs
    try:
        with suppress(Exception):  # the function must be called in any case: somebody waits for its result
            lower_thread(_THREAD_NICENESS)
            time.sleep(_PAUSE)  # otherwise it keeps the processor until the next tick, as if nothing were set
        _settle(lambda: in_context(function), result)
    finally:
        jobs.put(None)


def _settle(function: Callable[[], Result], result: Future[Result]) -> None:
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
    """Returns a context in which a thread that computes in Python gives way to others within a tenth of a millisecond.

    Usually it keeps the interpreter's lock for 5 ms, and a request needs the lock several times. Several threads may be
    in such contexts at the same time.
    """
    return _switch_interval.shorter()


def lower_thread(niceness: int) -> None:
    """Lowers the priority of this thread for good, by so much niceness, and gives it a long time slice.

    What it starts inherits both. Does nothing where only processes have a priority.
    """
    if sys.platform == "linux" and _threads_have_priorities():
        with suppress(OSError):
            usual = os.getpriority(os.PRIO_PROCESS, 0)
            os.setpriority(os.PRIO_PROCESS, 0, min(_MAX_NICENESS, usual + niceness))
        set_time_slice(LONG)


def lower_process(niceness: int) -> None:
    """Lowers the priority of this process for good, by so much niceness, and gives it a long time slice.

    Windows has no such call.
    """
    if sys.platform == "win32" or not hasattr(os, "nice"):
        return
    with suppress(OSError):
        os.nice(niceness)
    set_time_slice(LONG)
