"""Gives freed memory back to the system; the C library keeps it for the process otherwise."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any


def give_memory_back() -> None:
    """Takes some milliseconds, depending on how much is free. Without glibc nothing happens."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
