"""The interface of an application that answers HTTP requests."""

from __future__ import annotations

import asyncio
from typing import Protocol

from lightship.errors import LightshipError
from lightship.memory_budget import MemoryBudget
from lightship.transports.http.limits import Limits
from lightship.transports.http.messages import Request, Response


class Application(Protocol):
    """Answers the requests of HTTP connections. Must be used on the event loop only."""

    # The limits of requests, and the memory that all of them may hold together.
    limits: Limits
    budget: MemoryBudget
    # Whether connections must close after the requests that they have received.
    draining: bool

    def answer(self, request: Request) -> Response | asyncio.Future[Response]:
        """Returns the response, or a future of it.

        Never raises. If the future is cancelled before it runs, it does not run.
        """

    def refuse(self, error: LightshipError) -> Response:
        """Returns the response to a request that a connection refuses before it is complete.

        The connection then closes.
        """
