"""Gives memory back to the system after large requests; the C library keeps it otherwise."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
from functools import cache
from typing import Any

logger = logging.getLogger(__name__)

LARGE = 16 << 20  # bytes of a body and its answer after which it is worth the time
_SOON = 0.5  # seconds


@cache
def _malloc_trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # no glibc
        logger.debug("malloc_trim is not there; freed memory stays with the process for its next use")
        return None


def release_memory() -> None:
    """Takes some ten milliseconds, depending on how much is there."""
    gc.collect()
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


class MemoryKeeper:
    """Releases memory soon after large requests, and not after each of many. Used on the event loop alone."""

    def __init__(self) -> None:
        self._due = False

    def after(self, size: int) -> None:
        """Says that a request of so many bytes, body and answer, is over."""
        if size >= LARGE and not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(_SOON, self._release)

    def _release(self) -> None:
        self._due = False
        asyncio.get_running_loop().run_in_executor(None, release_memory)
