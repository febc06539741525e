"""The deadlines of a connection: when it is too slow, too old, or silent."""

from __future__ import annotations

import math
import random
from enum import Enum, auto

from lightship.transports.http2.options import Http2Timeouts

_AGE_SPREAD = 0.1  # the part of the age that is added or subtracted at random
_LITTLE = 64 << 10  # bytes that a client must take within the write timeout; or half of the rest, if that is less


class Due(Enum):
    """What has to be done with a connection now."""

    NOTHING = auto()
    TOO_SLOW = auto()  # the client sends its headers too slowly
    ABORT = auto()  # the client is silent, takes nothing, or has used up its time
    DRAIN = auto()
    PING = auto()


class Lifetime:
    """Decides when a connection must end. Times are those of `time.monotonic`.

    `heard_at` is the time of the last bytes from the client.
    """

    __slots__ = ("_age", "_grace", "_head", "_idle_since", "_pinged", "_timeouts", "_untaken", "_write", "heard_at")

    def __init__(self, timeouts: Http2Timeouts, now: float) -> None:
        self._timeouts = timeouts
        self.heard_at = self._idle_since = now
        self._head = now + timeouts.head
        self._age = now + timeouts.age * random.uniform(1 - _AGE_SPREAD, 1 + _AGE_SPREAD)
        self._grace = self._write = self._pinged = math.inf
        self._untaken = 0

    def headers_begun(self) -> None:
        self._head = self.heard_at + self._timeouts.head

    def headers_complete(self) -> None:
        self._head = math.inf

    def client_ended(self) -> None:
        """The client sends no more. It may have gone, so its answers must be ready within the write timeout."""
        self._grace = min(self._grace, self.heard_at + self._timeouts.write)

    def writing_paused(self, now: float, untaken: int) -> None:
        """`untaken` is the number of bytes that the client has not taken yet."""
        self._untaken, self._write = untaken, now + self._timeouts.write

    def writing_resumed(self) -> None:
        self._write = math.inf

    def hurry(self, timeouts: Http2Timeouts, now: float) -> None:
        """Gives the client less time from now on, because the server is to end."""
        self._timeouts = timeouts
        if self._head != math.inf:
            self._head = min(self._head, now + timeouts.head)
        if self._write != math.inf:
            self._write = min(self._write, now + timeouts.write)

    def due(self, now: float, *, streams: int, untaken: int) -> Due:
        """Must be called several times a second. `streams` is the number of open streams."""
        if now >= self._head:
            return Due.TOO_SLOW
        if self._too_slow_reader(now, untaken) or now >= self._grace or self._silent(now):
            return Due.ABORT
        if streams:
            self._idle_since = now
        if now >= self._age:
            self._age, self._grace = math.inf, now + self._timeouts.age_grace
            return Due.DRAIN
        if now - self._idle_since >= self._timeouts.idle:
            self._idle_since = math.inf
            return Due.DRAIN
        if self._pinged == math.inf and now - self.heard_at >= self._timeouts.keepalive:
            self._pinged = now
            return Due.PING
        return Due.NOTHING

    def _too_slow_reader(self, now: float, untaken: int) -> bool:
        if now < self._write:
            return False
        # Without anything left to take, what is missing is the client's answer to the end of TLS.
        if not untaken or untaken > max(self._untaken - _LITTLE, self._untaken // 2):
            return True
        self.writing_paused(now, untaken)
        return False

    def _silent(self, now: float) -> bool:
        """Returns whether the client has not answered a PING in time."""
        if self.heard_at > self._pinged:
            self._pinged = math.inf
        return now - self._pinged >= self._timeouts.keepalive_answer
