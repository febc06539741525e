"""What the connections of a server share."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import Protocol

_TOGETHER = 32  # requests that are answered before the first response is written


class Answering(Protocol):
    """A connection with a request to answer."""

    def answer(self) -> None:
        """Asks the application for the response, which may come later."""

    def deliver(self) -> None:
        """Writes the response, now or when it comes."""


class AnswerQueue:
    """Answers requests that arrive together in groups. Used on the event loop alone. date: the header's value.

    The requests of a group are first all read, then all answered, then all written: the processor's caches make that
    nearly twice as fast as one after the other.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[Answering] = []
        self.date = b""
        self.set_date()

    def set_date(self) -> None:
        """To be called every second."""
        self.date = formatdate(usegmt=True).encode()

    def add(self, connection: Answering) -> None:
        """Has the current request of a connection answered soon."""
        if not self._waiting:
            self._loop.call_soon(self._answer_group)
        self._waiting.append(connection)

    def _answer_group(self) -> None:
        group, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
        if self._waiting:
            self._loop.call_soon(self._answer_group)
        for connection in group:
            connection.answer()
        for connection in group:
            connection.deliver()
