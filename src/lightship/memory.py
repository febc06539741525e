"""Controls what the C library does with freed memory. Without glibc these functions have no effect."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_KEPT = 32 << 20  # bytes; the largest value that glibc accepts for _MMAP_THRESHOLD


def release_freed_memory() -> None:
    """Returns freed memory to the system. This takes some milliseconds, depending on the amount."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def keep_freed_memory() -> None:
    """Makes the process keep up to 32 MB of freed memory in each arena for later allocations.

    By default glibc returns the memory of a body of a megabyte at once and takes new pages for the next body, which
    costs a tenth of the time of a request with a list of floats. This affects the whole process, so call it only in a
    process that does nothing but serve.
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
