"""The queue of requests that all connections of a server share."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import Protocol

_TOGETHER = 32  # the most requests that are answered before the first response is written


class Answering(Protocol):
    """A connection with a request to answer."""

    def answer(self) -> None:
        """Asks the application for the response, which may come later."""

    def deliver(self) -> None:
        """Writes the response now, or when it comes."""


class AnswerQueue:
    """Answers requests that arrive together in groups. Must be used on the event loop only.

    First all requests of a group are read, then all are answered, then all responses are written. Because of the
    processor's caches, this is nearly twice as fast as handling one request after another. `date` is the value of the
    Date header.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[Answering] = []
        self.date = b""
        self.set_date()

    def set_date(self) -> None:
        """Updates the date. Must be called every second."""
        self.date = formatdate(usegmt=True).encode()

    def add(self, connection: Answering) -> None:
        """Schedules the answer to a connection's current request."""
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
