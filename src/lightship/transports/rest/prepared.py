"""Requests between reading and running."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lightship.transports.http.messages import Response


class PreparedCall(Protocol):
    """A request that was read and checked. It owns its tensors, and the handle that keeps its servable loaded.

    It ends with the first response of `try_run` or `run`, or with an error of either, or with `release`.
    """

    def try_run(self) -> Response | None:
        """The response, if an event loop can wait for it; else None, and the call can still be run."""

    def run(self) -> Response:
        """The response."""

    def release(self) -> None:
        """Ends the call without running it."""


class Unread:
    """A request that is read and run together, since either may take long; a `PreparedCall` that owns nothing."""

    __slots__ = ("run",)

    def __init__(self, run: Callable[[], Response]) -> None:
        self.run = run

    def try_run(self) -> None:
        return None

    def release(self) -> None:
        pass
