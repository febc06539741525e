"""Reads a request's body within its limit and the server's budget."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from lightship.errors import DeadlineExceeded, InvalidArgument, TooLarge, Unavailable
from lightship.transports.rest.limits import Budget

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Disconnected(Exception):
    """The client hung up before its request was whole."""


class Body:
    """A body being read. Whoever reads it must `release` it when its bytes are of no more use."""

    def __init__(self, receive: Receive, budget: Budget, limit: int, patience: float) -> None:
        self._receive = receive
        self._budget = budget
        self._limit = limit
        self._patience = patience
        self.size = 0
        self.complete = False

    async def read(self, declared: bytes | None) -> bytes:
        """The whole body. `declared`: its Content-Length.

        Raises TooLarge, as soon as that is known; Unavailable if all bodies together are too much; DeadlineExceeded for
        a client that sends nothing for `patience` seconds; Disconnected.
        """
        if declared is not None and (not declared.isdigit() or int(declared) > self._limit):
            if not declared.isdigit():
                raise InvalidArgument("Content-Length is not a number")
            raise self._too_large(int(declared))
        chunks: list[bytes] = []
        time = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(self._patience) as stall:  # one timer, moved on
                while not self.complete:
                    chunks.append(await self._chunk())
                    stall.reschedule(time() + self._patience)
        except TimeoutError:
            raise DeadlineExceeded(f"no more of the request's body came within {self._patience:g} seconds") from None
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def discard(self, patience: float) -> None:
        """Reads on without keeping anything, so that a client still sending gets to read its answer."""
        try:
            async with asyncio.timeout(patience):
                while not self.complete:
                    await self._next()
        except (TimeoutError, Disconnected):
            pass

    def release(self) -> None:
        self._budget.give_back(self.size)
        self.size = 0

    async def _chunk(self) -> bytes:
        chunk = await self._next()
        if self.size + len(chunk) > self._limit:
            raise self._too_large(self.size + len(chunk))
        if not self._budget.take(len(chunk), self.size):
            raise Unavailable("the requests being read take all the memory set aside for them; try again soon")
        self.size += len(chunk)
        return chunk

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.complete = True
            raise Disconnected
        self.complete = not message.get("more_body", False)
        body: bytes = message.get("body", b"")
        return body

    def _too_large(self, size: int) -> TooLarge:
        return TooLarge(
            f"The request's body has {size} bytes or more; the limit is {self._limit}. Send less, or start the server "
            "with a larger --max-request-bytes"
        )
