"""Takes memory back from clients that neither send nor receive, while other requests are refused for lack of memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from lightship.memory_budget import MemoryBudget
from lightship.transports.periodic import PeriodicCalls

_LOOK = 1.0  # seconds between two looks at the connections
_PRESSURE = 3.0  # seconds after a refusal in which clients are looked at
_PROGRESS = 1 / 64  # of the memory that a connection holds: what its client must send or receive between two looks
_FREED = 4  # at each look, at most a fourth of the budget is taken back


class Held(NamedTuple):
    """What a connection holds while it waits for its client."""

    # The request that is being received, or None while responses are sent.
    request: object | None
    # Bytes of the memory budget.
    memory: int
    # Grows with each byte that the client sends or receives.
    position: int


class Holder(Protocol):
    """A connection, or a stream of one."""

    @property
    def held(self) -> Held | None:
        """What it holds, or None if it does not wait for its client."""

    def take_back(self) -> None:
        """Gives up the request that is being received, or the responses that the client does not receive."""


class StalledClients:
    """Looks for clients that hold memory and make no progress. Must be used on the event loop only.

    Without this, a client could fill the budget once with bodies that do not end, and other requests would be refused
    until its time-outs.
    """

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._refusals = budget.refusals
        self._until = self._next = 0.0
        self._seen: dict[Holder, Held] = {}
        self._calls = PeriodicCalls("taking memory back from a client")

    def look(self, connections: Iterable[Holder], now: float) -> None:
        """Gives up the stalled requests that hold most, if other requests were refused of late. Must be called often.

        now: the time in seconds by the loop's clock.
        """
        if self._budget.refusals != self._refusals:
            self._refusals, self._until = self._budget.refusals, now + _PRESSURE
        if now >= self._until:
            if self._seen:
                self._seen = {}
        elif now >= self._next:
            self._next = now + _LOOK
            self._take_back(connections)

    def _take_back(self, connections: Iterable[Holder]) -> None:
        seen: dict[Holder, Held] = {}
        for one in connections:
            self._calls.call(_note, one, seen)
        stalled = [(held.memory, one) for one, held in seen.items() if _is_stalled(self._seen.get(one), held)]
        self._seen = seen
        stalled.sort(key=lambda one: one[0], reverse=True)
        left = self._budget.size // _FREED
        for memory, connection in stalled:
            if left <= 0:
                return
            left -= memory
            del seen[connection]
            self._calls.call(connection.take_back)


def _note(connection: Holder, seen: dict[Holder, Held]) -> None:
    held = connection.held
    if held is not None and held.memory:
        seen[connection] = held


def _is_stalled(before: Held | None, now: Held) -> bool:
    same = before is not None and before.request is now.request
    return before is not None and same and now.position - before.position < now.memory * _PROGRESS
