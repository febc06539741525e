"""When memory is given back to the system: soon after large requests."""

from __future__ import annotations

import asyncio
import gc

from lightship.memory import release_freed_memory

LARGE = 16 << 20  # bytes of a body and its answer after which it is worth the time
_SOON = 0.5  # seconds


def release_memory() -> None:
    """Takes some ten milliseconds, depending on how much is there."""
    gc.collect()
    release_freed_memory()


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
