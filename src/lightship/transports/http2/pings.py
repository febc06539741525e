"""Whether a client sends PING too often, by gRPC's rules."""

from __future__ import annotations

import math

from lightship.transports.http2.frames import ConnectionFault, ErrorCode
from lightship.transports.http2.options import PingPolicy

_WITHOUT_CALLS = 7200.0  # seconds between pings while a client has no call, unless `PingPolicy.without_calls`


class PingChecker:
    """Counts the pings of one connection that come sooner than allowed."""

    __slots__ = ("_last", "_policy", "_strikes")

    def __init__(self, policy: PingPolicy) -> None:
        self._policy = policy
        self._last = -math.inf
        self._strikes = 0

    def check(self, now: float, calls: bool) -> None:
        """Counts a PING. `calls`: whether the client has an open call. Raises ConnectionFault for one too many."""
        policy = self._policy
        interval = policy.interval if calls or policy.without_calls else max(policy.interval, _WITHOUT_CALLS)
        early, self._last = now < self._last + interval, now
        if early and policy.strikes > 0:
            self._strikes += 1
            if self._strikes > policy.strikes:
                raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings")

    def answered(self) -> None:
        """Forgets the pings: the server has sent something that a client may follow with a PING."""
        self._last, self._strikes = -math.inf, 0
