"""Gives memory back to the system after large requests; the C library keeps it otherwise."""

from __future__ import annotations

import ctypes
import logging
from functools import cache
from typing import Any

logger = logging.getLogger(__name__)

LARGE = 4 << 20  # bytes of a body after which it is worth the time


@cache
def _malloc_trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # no glibc
        logger.debug("malloc_trim is not there; freed memory stays with the process for its next use")
        return None


def release_memory() -> None:
    """Takes some milliseconds, depending on how much is free."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)
