"""How the C library deals with freed memory. Without glibc nothing here has an effect."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_KEPT = 32 << 20  # bytes; the most that glibc takes for the second


def release_freed_memory() -> None:
    """Gives what is free back to the system. Takes some milliseconds, depending on how much that is."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def keep_freed_memory() -> None:
    """Lets the process keep up to 32 MB that it freed, in each arena, for what it needs next.

    By itself glibc gives a body of a megabyte back at once and takes new pages for the next: a tenth of the time of a
    request with a float list. For a process of one's own.
    """
    library = _glibc()
    if library is not None:
        library.mallopt(_MMAP_THRESHOLD, _KEPT)
        library.mallopt(_TRIM_THRESHOLD, _KEPT)


@cache
def _glibc() -> Any:
    try:
        library = ctypes.CDLL(None)
        return library if library.malloc_trim and library.mallopt else None
    except (OSError, AttributeError):
        return None
