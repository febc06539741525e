"""What answers the requests of HTTP connections."""

from __future__ import annotations

import asyncio
from typing import Protocol

from lightship.errors import LightshipError
from lightship.transports.http.limits import Budget, Limits
from lightship.transports.http.messages import Request, Response


class Application(Protocol):
    """Used on the event loop alone."""

    # Of the bodies that connections read.
    limits: Limits
    budget: Budget
    # Whether connections end after the requests that they have.
    draining: bool

    def answer(self, request: Request) -> Response | asyncio.Future[Response]:
        """The response, now or later; raises nothing. A future that is cancelled is not worked on."""

    def refuse(self, error: LightshipError) -> Response:
        """The response to a request that a connection refuses before it is complete. The connection ends after it."""

    def finished(self, received: int, sent: int) -> None:
        """Is called when the response to a large request is written; both in bytes."""
