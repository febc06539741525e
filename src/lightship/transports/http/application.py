"""The interface of an application that answers HTTP requests."""

from __future__ import annotations

import asyncio
from typing import Protocol

from lightship.errors import LightshipError
from lightship.memory_budget import MemoryBudget
from lightship.transports.access_log.record import JoinedRecord
from lightship.transports.http.hosts import AllowedHosts
from lightship.transports.http.limits import Limits
from lightship.transports.http.messages import Request, Response
from lightship.transports.turn import Turn


class Together(Protocol):
    """Requests that are answered as one, with what the access log tells of them after their responses are made."""

    joined: JoinedRecord | None


class Deferred(Protocol):
    """A request whose response is made at the end of this turn of the event loop, perhaps together with others."""

    @property
    def together(self) -> Together | None:
        """Those with which it was answered, after `respond`. None: it was answered by itself."""

    def respond(self) -> Response | asyncio.Future[Response]:
        """Returns the response, or a future of it."""

    def stages(self) -> tuple[float, float, float]:
        """Returns the seconds of reading, running and writing it by itself, after `respond`, for the access log."""


class Application(Protocol):
    """Answers the requests of HTTP connections. Must be used on the event loop only."""

    # The limits of requests, and the memory that all of them may hold together.
    limits: Limits
    budget: MemoryBudget
    # The names in Host headers that are accepted. None: all.
    hosts: AllowedHosts | None
    # The turns of the event loop, which all transports share.
    turn: Turn
    # Whether connections must close after the requests that they have received.
    draining: bool

    def answer(self, request: Request) -> Response | asyncio.Future[Response] | Deferred:
        """Returns the response, or a future of it, or what knows either at the end of the turn.

        Never raises. If the future is cancelled before it runs, it does not run.
        """

    def refuse_early(self, request: Request, size: int) -> Response | None:
        """Returns the refusal of a request whose body has not been received yet, if there is too much work; or None.

        `request` has no body, and `size` is the length of the body that comes.
        """

    def refuse_late(self, request: Request) -> Response | None:
        """Returns the refusal of a request that arrived while too many wait for the event loop, or None.

        None means that this request must be answered all the same, like a health check.
        """

    def refuse(self, error: LightshipError) -> Response:
        """Returns the response to a request that is refused. If the response says so, the connection then closes."""
