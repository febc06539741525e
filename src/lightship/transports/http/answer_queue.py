"""The queues of work for the event loop that all connections of a server share."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from email.utils import formatdate
from time import perf_counter
from typing import Generic, Protocol, TypeVar

from lightship.transports.turn import MAX_TOGETHER, Turn

MAX_WAIT = 1.0  # seconds that requests may wait for the event loop; further ones are refused
_WEIGHT = 0.05  # of the newest group in the mean time of an answer


class Answering(Protocol):
    """A connection with a request to answer."""

    def answer(self) -> None:
        """Asks the application for the response, which may come later."""

    def answer_late(self) -> None:
        """Refuses the request, if it is one that can be refused, or answers it."""

    def deliver(self) -> None:
        """Writes the response now, or when it comes."""

    def parse_more(self) -> None:
        """Parses some of the bytes that were received and could not be parsed at once."""


Connection = TypeVar("Connection", bound=Answering)


class AnswerQueue(Generic[Connection]):
    """Answers requests that arrive together in groups, in turns of the event loop. Must be used there only.

    `date` is the value of the Date header.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, turn: Turn, max_wait: float = MAX_WAIT) -> None:
        self._loop, self._turn = loop, turn
        self._max_wait = max_wait
        self._seconds = 0.0  # the mean time to answer a request
        self._waiting: list[Connection] = []
        self._group: list[Connection] = []  # those of this turn
        self._begun = 0.0
        self._late: list[Connection] = []
        self._unparsed: deque[Connection] = deque()
        self.date = b""
        self.set_date()

    def set_date(self) -> None:
        """Updates the date. Must be called every second."""
        self.date = formatdate(usegmt=True).encode()

    def add(self, connection: Connection) -> None:
        """Schedules the answer to a connection's current request."""
        if not self._waiting:
            self._turn.join(self, self._loop)
        elif len(self._waiting) * self._seconds > self._max_wait:
            return self._add_late(connection)
        self._waiting.append(connection)

    @property
    def parsing(self) -> bool:
        """Whether connections wait to parse what they have received."""
        return bool(self._unparsed)

    def parse_later(self, connection: Connection) -> None:
        """Schedules `parse_more`. In each turn of the event loop, one connection parses."""
        if not self._unparsed:
            self._loop.call_soon(self._parse)
        self._unparsed.append(connection)

    def unread(self) -> int:
        return len(self._waiting)

    def read(self) -> None:
        """Reads the requests of a turn."""
        self._group, self._waiting = self._waiting[:MAX_TOGETHER], self._waiting[MAX_TOGETHER:]
        if self._waiting:
            self._turn.join(self, self._loop)
        self._begun = perf_counter()
        self._answer(self._group)

    def write(self) -> None:
        """Writes the responses of a turn."""
        group, self._group = self._group, []
        for connection in group:
            connection.deliver()
        if group:
            self._seconds += _WEIGHT * ((perf_counter() - self._begun) / len(group) - self._seconds)

    def _answer(self, group: Sequence[Connection]) -> None:
        for connection in group:
            connection.answer()

    def _add_late(self, connection: Connection) -> None:
        if not self._late:
            self._loop.call_soon(self._answer_late)
        self._late.append(connection)

    def _answer_late(self) -> None:
        late, self._late = self._late, []
        for connection in late:
            connection.answer_late()
        self._turn.run()
        for connection in late:
            connection.deliver()

    def _parse(self) -> None:
        connection = self._unparsed[0]
        try:
            connection.parse_more()
        finally:  # an error of one connection must not end the parsing of all others
            self._unparsed.popleft()
            if self._unparsed:
                self._loop.call_soon(self._parse)
