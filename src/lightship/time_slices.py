"""Time slices of threads, which decide how soon Linux lets a thread run that has just been woken.

A woken thread takes the processor at once from a thread whose slice is longer. If both slices are equal, it often waits
for the next tick of the clock, which comes every 1 to 10 ms. The share of a processor that each thread gets over time
stays the same. Linux has slices for threads of the usual policy since version 6.12. Before, elsewhere, and where a
container must not set them, the functions do nothing.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from functools import cache
from typing import Any

# Seconds. Linux takes 0.1 to 100 ms, and usually gives 1 to 3 ms.
SHORTEST = 0.0001
# Longer than usual, but not much: a thread that had to wait may catch up for about two of its slices at a time, and
# others that compute wait meanwhile.
LONG = 0.005
_USUAL_POLICY = 0  # SCHED_OTHER
_NOT_INHERITED = 1  # SCHED_FLAG_RESET_ON_FORK
_NANOSECONDS = 1_000_000_000
# The numbers of sched_setattr and sched_getattr, for which older versions of glibc have no functions.
_SYSTEM_CALLS = {"x86_64": (314, 315), "aarch64": (274, 275), "riscv64": (274, 275)}


class _Attributes(ctypes.Structure):
    """The first version of Linux's `struct sched_attr`."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("niceness", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("slice", ctypes.c_uint64),  # in nanoseconds
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    )


def time_slice(thread: int = 0) -> float | None:
    """Returns the slice of a thread in seconds, by its native id; by default, of the calling thread.

    Returns None if the system has no slices or does not tell them, or if the thread's policy is not the usual one.
    """
    found = _attributes(thread)
    return found.slice / _NANOSECONDS if found is not None and found.slice else None


def set_time_slice(seconds: float, *, inherited: bool = True) -> None:
    """Sets the slice of the calling thread.

    inherited: whether the threads and processes that it starts from now on have it too, instead of the usual one.
    """
    with suppress(MemoryError):  # a thread can do its work without
        wanted = _attributes()
        if wanted is not None:
            wanted.slice = round(seconds * _NANOSECONDS)
            wanted.flags |= 0 if inherited else _NOT_INHERITED
            _call(_system_calls()[0], 0, ctypes.byref(wanted), 0)


def _attributes(thread: int = 0) -> _Attributes | None:
    _, getting = _system_calls()
    found = _Attributes()
    if not getting or _call(getting, thread, ctypes.byref(found), ctypes.sizeof(found), 0) != 0:
        return None
    return found if found.policy == _USUAL_POLICY else None


def _call(number: int, *arguments: object) -> int:
    """Makes a system call. Returns what it returns, or -1 if Python cannot make any."""
    try:
        return int(_library().syscall(number, *arguments))
    except (OSError, AttributeError):  # Python is linked with the C library statically
        return -1


def _system_calls() -> tuple[int, int]:
    """Returns the numbers of sched_setattr and sched_getattr, or zeros where they are not known."""
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return 0, 0
    return _SYSTEM_CALLS.get(os.uname().machine, (0, 0))


@cache
def _library() -> Any:
    return ctypes.CDLL(None)
