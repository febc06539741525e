"""Returns freed memory to the operating system soon after large requests."""

from __future__ import annotations

import asyncio
import gc

from lightship.memory import release_freed_memory

LARGE = 16 << 20  # bytes of a request's or response's body from which releasing memory is worthwhile
_SOON = 0.5  # seconds


def release_memory() -> None:
    """Collects garbage and releases freed memory. Takes about 10 ms, depending on the amount of memory."""
    gc.collect()
    release_freed_memory()


class MemoryKeeper:
    """Releases memory soon after large requests, once for several in a row. Must be used on the event loop only."""

    def __init__(self) -> None:
        self._due = False

    def after(self, size: int) -> None:
        """Schedules a release if a finished request or response had a body of at least `LARGE` bytes."""
        if size >= LARGE and not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(_SOON, self._release)

    def _release(self) -> None:
        self._due = False
        asyncio.get_running_loop().run_in_executor(None, release_memory)
