"""Counts what a client does in a second that costs the server something and brings it no work."""

from __future__ import annotations

import time

from lightship.transports.http2.frames import ConnectionFault, ErrorCode
from lightship.transports.http2.options import Http2Limits

RESETS, PINGS, SETTINGS, WINDOW_UPDATES, IDLE_FRAMES, HEADER_BYTES = range(6)
_NAMES = ("stream resets", "pings", "settings", "window updates", "frames that change nothing", "bytes of headers")


class Rates:
    """Counts events of one connection within each second."""

    __slots__ = ("_counts", "_limits", "_until")

    def __init__(self, limits: Http2Limits) -> None:
        self._limits = (
            *(limits.resets, limits.pings, limits.settings),
            *(limits.window_updates, limits.idle_frames, limits.header_bytes),
        )
        self._counts = [0] * len(_NAMES)
        self._until = 0.0

    def count(self, kind: int, amount: int = 1) -> None:
        """Raises ConnectionFault if there is too much of this kind within a second."""
        now = time.monotonic()
        if now >= self._until:
            self._counts = [0] * len(_NAMES)
            self._until = now + 1
        self._counts[kind] += amount
        if self._counts[kind] > self._limits[kind]:
            raise ConnectionFault(
                ErrorCode.ENHANCE_YOUR_CALM, f"more than {self._limits[kind]} {_NAMES[kind]} in a second"
            )
