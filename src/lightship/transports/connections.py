"""The open connections, and which is closed when there are too many."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

_PATIENCE = 1.0  # seconds that a client has, before its connection may be closed for another one
_MAX_CANDIDATES = 64  # connections that are found at once, so that not every new one costs a search


class Waits(IntEnum):
    """What a connection waits for, in the order in which connections are closed."""

    REQUEST = 0  # no request has begun
    HEAD = 1  # a request's headers are not complete
    BODY = 2
    WRITE = 3  # the client does not receive its response


class Standing(NamedTuple):
    """A connection that waits for its client, and since when by the loop's clock."""

    waits: Waits
    since: float


class Closable(Protocol):
    """A connection."""

    @property
    def standing(self) -> Standing | None:
        """What it waits for, or None if it waits for this server."""

    def evict(self) -> bool:
        """Closes the connection for another one. Returns False if a request has arrived in the meantime."""


Connection = TypeVar("Connection", bound=Closable)


class Connections(Generic[Connection]):
    """The open connections. Must be used on the event loop only.

    limit: their largest number; 0 means no limit. The limit can be exceeded by a few for a moment.
    """

    def __init__(self, limit: int = 0) -> None:
        self._limit = limit
        self._open: dict[Connection, None] = {}  # in the order in which they were opened
        self._candidates: list[tuple[Connection, Standing]] = []  # the first to be closed is the last
        self._sharing: list[Connections[Any]] = [self]  # those that have the limit together

    def share_limit(self, other: Connections[Any]) -> None:
        """Lets both have the limit of this one together."""
        both = self._sharing + other._sharing
        for one in both:
            one._sharing, one._limit = both, self._limit

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._open))

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: Connection, now: float) -> bool:
        """Adds a connection, and closes another one if there are too many. Returns False if none can be closed."""
        if self._limit and sum(map(len, self._sharing)) >= self._limit and not self._make_room(now):
            return False
        self._open[connection] = None
        return True

    def discard(self, connection: Connection) -> None:
        self._open.pop(connection, None)

    def _make_room(self, now: float) -> bool:
        if self._close_candidate():
            return True
        self._find(now)
        return self._close_candidate()

    def _close_candidate(self) -> bool:
        """Closes the first candidate that still waits as it did when it was found. Returns False if none does."""
        while self._candidates:
            connection, standing = self._candidates.pop()
            is_open = any(connection in one._open for one in self._sharing)
            if is_open and connection.standing == standing and connection.evict():
                for one in self._sharing:
                    one.discard(connection)
                return True
        return False

    def _find(self, now: float) -> None:
        """Finds the connections that have waited longest; those that had little time yet come last."""
        found = [
            (one, standing) for group in self._sharing for one in group._open if (standing := one.standing) is not None
        ]
        found.sort(key=lambda one: _precedence(one[1], now))
        self._candidates = found[:_MAX_CANDIDATES][::-1]


def _precedence(standing: Standing, now: float) -> tuple[bool, int, float]:
    new = now - standing.since < _PATIENCE
    return (new, 0 if new else standing.waits, standing.since)
