"""Requests that were read and can be run later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lightship.transports.http.executor import Job
from lightship.transports.http.messages import Response


class PreparedCall(Job[Response], Protocol):
    """A request that was read and checked. It owns its tensors and a handle that keeps its servable loaded.

    It ends when `try_run` or `run` returns a response or raises an error, or when `release` is called. If `try_run`
    returned None, it is a job that the executor can run.
    """

    def run(self) -> Response:
        """Runs the call and releases its resources."""

    @property
    def decodes_images(self) -> bool:
        """Whether running the call decodes images, which may take long."""

    def try_run(self) -> Response | None:
        """Runs the call and returns the response if that is fast enough for the event loop.

        Otherwise returns None, and the call can still be run.
        """


class Unread:
    """A request that is read and run in one step, because either may take long.

    It is a `PreparedCall` that owns nothing.
    """

    __slots__ = ("decodes_images", "run")

    def __init__(self, run: Callable[[], Response], *, decodes_images: bool = False) -> None:
        self.run, self.decodes_images = run, decodes_images

    def try_run(self) -> None:
        return None

    def release(self) -> None:
        pass
