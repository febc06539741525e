"""Short requests that have arrived in one turn of the event loop: those that are alike are read and run as one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic

from lightship.transports.http.messages import Request, Response
from lightship.transports.rest.api import ReadTogether, RestApi
from lightship.transports.rest.endpoints.joint_prediction import may_be_joint
from lightship.transports.rest.prepared import PreparedCall
from lightship.transports.turn import FEWEST_ALIKE, Turn

# Lets a thread run a call.
Submit = Callable[[PreparedCall, Request], Response | asyncio.Future[Response]]


class ShortRequests:
    """Reads the short requests of each turn. Must be used on the event loop only."""

    def __init__(self, api: RestApi, turn: Turn, submit: Submit) -> None:
        self.api, self.turn, self.submit = api, turn, submit
        self._waiting: list[ShortRequest] = []

    def add(self, request: Request) -> ShortRequest:
        """Takes a request that is read when all requests of this turn have come."""
        if not self._waiting:
            self.turn.before_run(self._read)
        short = ShortRequest(self, request)
        self._waiting.append(short)
        return short

    def _read(self) -> None:
        waiting, self._waiting = self._waiting, []
        alike: dict[str, list[ShortRequest]] = {}
        if len(waiting) >= FEWEST_ALIKE:
            for short in waiting:
                request = short.request
                target = request.target if request.method == "POST" and may_be_joint(request.body) else ""
                alike.setdefault(target, []).append(short)
        for target, some in alike.items() if alike else (("", waiting),):
            if not target or len(some) < FEWEST_ALIKE or not _Together(self, some).read():
                for short in some:
                    short.prepare()


class ShortRequest:
    """A request that is read, and perhaps run, in this turn."""

    __slots__ = ("_prepared", "_requests", "request", "response", "together")

    def __init__(self, requests: ShortRequests, request: Request) -> None:
        self._requests, self.request = requests, request
        self._prepared: PreparedCall | Response | None = None
        self.together: _Together | None = None
        self.response: Response | None = None

    def prepare(self) -> None:
        """Reads the request by itself."""
        record = self.request.record
        if record is None:
            self._prepare()
        else:
            begun = monotonic()
            self._prepare()
            record.decode += monotonic() - begun

    def _prepare(self) -> None:
        prepared = self._prepared = self._requests.api.prepare(self.request)
        if not isinstance(prepared, Response) and prepared.prediction is not None:
            self._requests.turn.add(prepared.prediction)

    def respond(self) -> Response | asyncio.Future[Response]:
        """Returns the response, or lets a thread run the call."""
        if self.together is not None:
            self.together.finish()
        if self.response is not None:
            return self.response
        if self._prepared is None:  # reading the requests of this turn has failed
            self.prepare()
            self._requests.turn.run_further()
        prepared = self._prepared
        assert prepared is not None
        if isinstance(prepared, Response):
            return prepared
        return self._written(prepared) or self._requests.submit(prepared, self.request)

    def _written(self, prepared: PreparedCall) -> Response | None:
        """Returns the response to what this turn has run. None: it has not run the call."""
        record = self.request.record
        if record is None:
            return prepared.response()
        begun = monotonic()
        response = prepared.response()
        if response is not None:
            record.ran(self._requests.turn.seconds, monotonic() - begun)
        return response


class _Together:
    """Requests with the same URL that are read and run as one, if that is possible."""

    def __init__(self, requests: ShortRequests, members: Sequence[ShortRequest]) -> None:
        self._requests, self._members = requests, members
        self._read: ReadTogether | None = None

    def read(self) -> bool:
        """Returns whether they could be read as one."""
        begun = monotonic()
        read = self._read = self._requests.api.read_together([short.request for short in self._members])
        seconds = monotonic() - begun
        for short in self._members:
            if short.request.record is not None:
                short.request.record.decode += seconds
        if read is None:
            return False
        self._requests.turn.add(read.prediction)
        for short in self._members:
            short.together = self
        return True

    def finish(self) -> None:
        """Gives each its response. If they were not run as one, each is read and run by itself."""
        read, self._read = self._read, None
        if read is None:  # this was done for another one of them
            return
        begun = monotonic()
        responses = read.finish()
        if responses is None:
            for short in self._members:
                short.prepare()
            self._requests.turn.run_further()
            return
        seconds = monotonic() - begun
        for short, response in zip(self._members, responses, strict=True):
            short.response = response
            if short.request.record is not None:
                short.request.record.ran(self._requests.turn.seconds, seconds)
