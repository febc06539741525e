"""Requests that were read and can be run later."""

from __future__ import annotations

from typing import Protocol

from lightship.services.predict import Prediction
from lightship.transports.http.executor import Job, Pending
from lightship.transports.http.messages import Response
from lightship.transports.http.steps_job import StepsJob


class PreparedCall(Job[Response], Protocol):
    """A request that was read and checked. It owns its tensors and a handle that keeps its servable loaded.

    It ends when `response` or `run` returns a response or raises an error, or when `release` is called.
    """

    def run(self) -> Response | Pending[Response]:
        """Runs the call and releases its resources."""

    @property
    def prediction(self) -> Prediction | None:
        """What the event loop may run, together with others, before it calls `response`. None: only `run` can."""

    @property
    def kind(self) -> str:
        """The kind of work that running the call is, if it is known to take long: one of `http.kinds`; else ""."""

    def response(self) -> Response | None:
        """Returns the response to what the event loop has run. None: it has not, and the call can still be run."""


class Unread:
    """A request that is read when it runs, because either may take long.

    It is a `PreparedCall` whose work is that of a job.
    """

    __slots__ = ("kind", "release", "run")

    prediction = None

    def __init__(self, job: StepsJob[Response], *, kind: str = "") -> None:
        self.run, self.release, self.kind = job.run, job.release, kind

    def response(self) -> None:
        return None
