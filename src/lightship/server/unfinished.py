"""What a server had not finished when it stopped."""

from __future__ import annotations

from typing import NamedTuple


class Unfinished(NamedTuple):
    """What was cut off at the end. It counts as false if that is nothing."""

    # Calls that had not finished in time.
    calls: int = 0
    # What became of workers that did not tell how many of their calls had finished.
    workers: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.calls or self.workers)

    def text(self, drain_seconds: float) -> str:
        calls = f"{self.calls} calls had not finished after {drain_seconds:g} seconds and were cancelled"
        return "; ".join([calls] * bool(self.calls) + list(self.workers))
