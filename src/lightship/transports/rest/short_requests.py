"""Short requests that have arrived in one turn of the event loop: those that are alike are read and run as one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic

from lightship.transports.access_log.record import JoinedRecord
from lightship.transports.http.messages import Request, Response
from lightship.transports.http.request_parser import ID_HEADER
from lightship.transports.rest.api import ReadTogether, RestApi
from lightship.transports.rest.endpoints.joint_prediction import may_be_joint
from lightship.transports.rest.prepared import PreparedCall
from lightship.transports.turn import FEWEST_ALIKE, TimedTurn, Turn

# Lets a thread run a call.
Submit = Callable[[PreparedCall, Request], Response | asyncio.Future[Response]]


class ShortRequests:
    """Reads the short requests of each turn. Must be used on the event loop only."""

    def __init__(self, api: RestApi, turn: Turn, submit: Submit) -> None:
        self.api, self.turn, self.submit = api, turn, submit
        self._short = TimedShortRequest if isinstance(turn, TimedTurn) else ShortRequest
        self._waiting: list[ShortRequest] = []

    def add(self, request: Request) -> ShortRequest:
        """Takes a request that is read when all requests of this turn have come."""
        if not self._waiting:
            self.turn.before_run(self._read)
        short = self._short(self, request)
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
            if not target or len(some) < FEWEST_ALIKE:
                for short in some:
                    short.prepare()
            else:
                _Together(self, some).read()


class ShortRequest:
    """A request that is read, and perhaps run, in this turn."""

    __slots__ = ("_prepared", "_requests", "request", "response", "together")

    def __init__(self, requests: ShortRequests, request: Request) -> None:
        self._requests, self.request = requests, request
        self._prepared: PreparedCall | Response | None = None
        self.together: _Together | None = None
        self.response: Response | None = None

    def prepare(self, spent: float = 0.0) -> None:
        """Reads the request by itself. spent: the seconds that an attempt to read it together with others took."""
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

    def stages(self) -> tuple[float, float, float]:
        """Returns the seconds of reading, running and writing it by itself, if there is an access log."""
        return 0.0, 0.0, 0.0

    def _written(self, prepared: PreparedCall) -> Response | None:
        """Returns the response to what this turn has run. None: it has not run the call."""
        return prepared.response()


class TimedShortRequest(ShortRequest):
    """Measures its stages, for the access log. The methods of `ShortRequest` are called by its name for speed."""

    __slots__ = ("_decode", "_encode", "_run")  # seconds, set when it is read by itself

    def prepare(self, spent: float = 0.0) -> None:
        begun = monotonic()
        self._run = self._encode = 0.0
        ShortRequest.prepare(self)
        self._decode = spent + monotonic() - begun

    def stages(self) -> tuple[float, float, float]:
        return self._decode, self._run, self._encode

    def _written(self, prepared: PreparedCall) -> Response | None:
        begun = monotonic()
        response = prepared.response()
        if response is not None:
            self._run, self._encode = self._requests.turn.seconds, monotonic() - begun
        return response


class _Together:
    """Requests with the same URL that are read and run as one, if that is possible.

    `joined` is what the access log tells of them when they have been answered, if there is an access log.
    """

    joined: JoinedRecord | None = None

    def __init__(self, requests: ShortRequests, members: Sequence[ShortRequest]) -> None:
        self._requests, self._members = requests, members
        self._read: ReadTogether | None = None
        self._decode = 0.0  # seconds that reading them has taken

    def read(self) -> None:
        """Reads them as one, or each by itself if that is not possible."""
        begun = monotonic()
        read = self._read = self._requests.api.read_together([short.request for short in self._members])
        self._decode = monotonic() - begun
        if read is None:
            self._prepare_each()
            return
        self._requests.turn.add(read.prediction)
        for short in self._members:
            short.together = self

    def finish(self) -> None:
        """Gives each its response. If they were not run as one, each is read and run by itself."""
        read, self._read = self._read, None
        if read is None:  # this was done for another one of them
            return
        begun = monotonic()
        responses = read.finish()
        if responses is None:
            self._prepare_each()
            self._requests.turn.run_further()
            return
        for short, response in zip(self._members, responses, strict=True):
            short.response = response
        request, turn = self._members[0].request, self._requests.turn
        if isinstance(turn, TimedTurn):
            first, run = responses[0], turn.seconds
            what = (request.method, request.target, first.status, first.model, first.version)
            self.joined = JoinedRecord(*what, self._decode, run, begun, ID_HEADER)
            turn.log.add_joined(self.joined)

    def _prepare_each(self) -> None:
        for short in self._members:
            short.prepare(self._decode)
