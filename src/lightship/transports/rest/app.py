"""Answers REST requests: fast ones on the event loop, others on a thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from lightship.errors import Code, DeadlineExceeded, LightshipError
from lightship.lifecycle.served_models import ServedModels
from lightship.memory import default_budget
from lightship.memory_budget import MemoryBudget, Reservation
from lightship.services.hints import Hints
from lightship.services.quiz import Quiz
from lightship.transports.http.executor import Executor, Job, Moved, Overloaded, Pending, Wait
from lightship.transports.http.hosts import AllowedHosts
from lightship.transports.http.lanes import Origin
from lightship.transports.http.limits import Limits
from lightship.transports.http.messages import Request, Response
from lightship.transports.http.timed_job import timed
from lightship.transports.metrics.metrics import Metrics
from lightship.transports.metrics.own.requests import RequestMetrics
from lightship.transports.metrics.reading import Families, MetricsReading, ProcessMetrics, ReadMetrics
from lightship.transports.rest.api import METHODS, RestApi
from lightship.transports.rest.errors import error_response
from lightship.transports.rest.kinds import origin_of
from lightship.transports.rest.pages.front import front_page
from lightship.transports.rest.pages.health import live, ready
from lightship.transports.rest.pages.metrics import MetricsPages
from lightship.transports.rest.pages.slow import SlowPages
from lightship.transports.rest.prepared import PreparedCall
from lightship.transports.rest.short_requests import ShortRequest, ShortRequests
from lightship.transports.turn import Turn

MAX_INLINE_BYTES = 4 << 10  # a larger body is decoded on a thread, a smaller one on the event loop
MAX_DROPPED_BYTES = 256 << 10  # a refused body up to this size is received and dropped, so that the connection stays
_CALL_BYTES = 4 << 10  # what the objects of a call take while it waits for a thread, besides its request


class RestApp:
    """The REST application. Must be used on the event loop only.

    `executor` runs long requests. `timeout` is the number of seconds for one request, from its last byte to its
    response; 0 or less means no limit. `hosts` are the names in Host headers that are accepted; None means all.
    `limits` apply to requests, and `budget` to the memory that all of them hold together. While `draining` is True,
    connections close after their running requests. `extensions`: take images by their first bytes and in forms too, and
    answer at `/` and `/ui`. `metrics` counts the requests. `metrics_path` is the path of an additional metrics
    page for any HTTP method; it must not be below `/v1/`. `turn` is that of the event loop. `hints` makes the hints
    that are sent with errors, if they are. `request_metrics` counts the requests for our own metrics. `own_metrics`
    returns what was counted for them, and `present_metrics` what they tell of the models now. `read_all` reads the
    metrics of all processes if there are several, which may take a moment. `quiz`: the games of the page `/ui`.
    """

    def __init__(
        self,
        manager: ServedModels,
        executor: Executor,
        *,
        limits: Limits | None = None,
        budget: MemoryBudget | None = None,
        hosts: AllowedHosts | None = None,
        timeout: float = 30.0,
        cors: bool = False,
        extensions: bool = True,
        hints: Hints | None = None,
        metrics: Metrics | None = None,
        metrics_path: str | None = None,
        further_metrics: Families = list,
        own_metrics: Families = list,
        present_metrics: Families = list,
        request_metrics: RequestMetrics | None = None,
        turn: Turn | None = None,
        read_all: ReadMetrics | None = None,
        quiz: Quiz | None = None,
    ) -> None:
        self.draining = False
        limits = limits or Limits()
        self.limits = limits if extensions else replace(limits, form=limits.json)  # a form is JSON then
        self.hosts = hosts
        self.budget = budget or MemoryBudget(default_budget())
        self._manager = manager
        self._timeout = timeout
        metrics = metrics or Metrics(manager.models)
        process = ProcessMetrics()

        def read_own() -> MetricsReading:
            return MetricsReading(metrics.families() + further_metrics(), own_metrics(), process.text())

        self._metrics_pages = MetricsPages(read_all or read_own, present_metrics)
        self._slow_pages = SlowPages() if read_all is not None else None
        self._metrics_path = metrics_path
        self._api = RestApi(
            manager,
            self.limits,
            metrics,
            cors=cors,
            extensions=extensions,
            hints=hints,
            quiz=quiz,
            request_metrics=request_metrics,
        )
        self._executor = executor
        self.turn = turn or Turn()
        self._short = ShortRequests(self._api, self.turn, self.submit)
        self._pages: dict[str, Callable[[], Response | asyncio.Future[Response]]] = {
            "/livez": live,
            "/readyz": lambda: ready(manager, self.draining),
            "/metrics": partial(self._metrics_page, self._metrics_pages.own),
        }
        if extensions:
            self._pages["/"] = front_page

    def answer(self, request: Request) -> Response | asyncio.Future[Response] | ShortRequest:
        """Returns the response, or a future of it, or, if the event loop may run the call, what makes either.

        Never raises. A future that is cancelled before it runs does not run.
        """
        if request.target[:4] != "/v1/":
            page = self._page(request)
            if page is not None:
                return page
        if request.body[:1] != b"{":  # what is nearly always JSON costs no more than this
            request = self._api.recognised(request)
        if len(request.body) > MAX_INLINE_BYTES:
            origin = self._origin(request, len(request.body))
            return self._submit(_Unprepared(self._api, request, origin.kind, time.perf_counter()), request, origin)
        if self._executor.waiting:
            refusal = self._executor.refused(self._origin(request, len(request.body)), self._refuse_overload)
            if refusal is not None:
                return refusal
        return self._short.add(request)

    def submit(self, prepared: PreparedCall, request: Request) -> Response | asyncio.Future[Response]:
        """Lets a thread run a call."""
        origin = self._origin(request, len(request.body))
        return self._submit(prepared, request, origin._replace(kind=prepared.kind) if prepared.kind else origin)

    def refuse_early(self, request: Request, size: int) -> Response | None:
        """Returns the refusal of a request whose body has not been received yet, if there is too much work; or None.

        `request` has no body, and `size` is the length of the body that comes.
        """
        if not self._executor.waiting or request.method != "POST":
            return None
        refusal = self._executor.refused(self._origin(request, size), self._refuse_overload)
        return refusal if refusal is None or size <= MAX_DROPPED_BYTES else refusal._replace(close=True)

    def refuse_late(self, request: Request) -> Response | None:
        """Returns the refusal of a request to the API. Health checks and pages are answered however many wait."""
        if request.method != "POST":
            return None
        return self._refuse_overload(Overloaded(1), self._origin(request, len(request.body)))

    def refuse(self, error: LightshipError) -> Response:
        """Returns the response to a request that is refused.

        Unless there is just too much work, the connection then closes.
        """
        return self._api.with_cors(error_response(error, close=not isinstance(error, Overloaded)))

    def _page(self, request: Request) -> Response | asyncio.Future[Response] | None:
        if request.path == self._metrics_path and request.method in METHODS:
            return self._metrics_page(partial(self._metrics_pages.monitoring, request))
        page = self._pages.get(request.path) if request.method in ("GET", "HEAD") else None
        return None if page is None else page()

    def _metrics_page(self, page: Callable[[], Response]) -> Response | asyncio.Future[Response]:
        return page() if self._slow_pages is None else self._slow_pages.answer(page)

    def _refuse_overload(self, error: Overloaded, origin: Origin) -> Response:
        self._api.count_refusal(origin.model, error)
        return self.refuse(error)._replace(model=origin.model)

    def _origin(self, request: Request, size: int) -> Origin:
        return origin_of(request, size, self._manager)

    def _submit(
        self, call: PreparedCall | _Unprepared, request: Request, origin: Origin
    ) -> Response | asyncio.Future[Response]:
        job = _CountedJob(call, request.memory)
        try:
            request.memory.keep(len(request.body) + _CALL_BYTES)
        except LightshipError as error:
            job.release()
            self._api.count_refusal(origin.model, error)
            return self.refuse(error)
        deadline = time.monotonic() + self._timeout if self._timeout > 0 else None
        record = None if request.recorder is None else request.recorder()
        if record is not None:
            record.model = origin.model  # it may end without a response
        answered = self._executor.submit(
            timed(job, record), origin, self._refuse_overload, deadline, partial(self._count_given_up, request.target)
        )
        if not isinstance(answered, Response) and self._timeout > 0:
            timer = asyncio.get_running_loop().call_later(self._timeout, self._give_up, answered, job)
            answered.add_done_callback(partial(_cancel, timer))
        return answered

    def _count_given_up(self, target: str, answered: asyncio.Future[Response], origin: Origin) -> None:
        """Counts a call that was not run to its end, because its client has gone or its time was up."""
        code = Code.CANCELLED if answered.cancelled() else answered.result().code
        self._api.count_given_up(target, origin.model, code)

    def _give_up(self, answered: asyncio.Future[Response], job: _CountedJob) -> None:
        if not answered.done():
            answered.set_result(self._api.with_cors(error_response(job.late_error())))


class _CountedJob:
    """A call whose memory stays reserved until it has ended, even if its client has gone."""

    __slots__ = ("_call", "_memory", "_wait")

    def __init__(self, call: Job[Response], memory: Reservation) -> None:
        self._call, self._memory = call, memory
        self._wait: Wait | None = None
        memory.begin_use()

    def run(self) -> Response | Moved[Response] | Pending[Response]:
        left, self._wait = 0, None
        try:
            result = self._call.run()
            if isinstance(result, Moved):
                self._call = result.job
                return Moved(self, result.kind)
            if isinstance(result, Pending):
                self._call, self._wait = result.job, result.wait
                return Pending(self, result.wait)
            left = len(result.body)
        except BaseException:
            self._end(0)
            raise
        self._end(left)
        return result

    def late_error(self) -> LightshipError:
        """Returns the error if the deadline passes now. Any thread may call this."""
        wait = self._wait
        return DeadlineExceeded("Timed out waiting for notification") if wait is None else wait.late_error()

    def release(self) -> None:
        try:
            self._call.release()
        finally:
            self._end(0)

    def _end(self, left: int) -> None:
        del self._call  # its objects must be freed before their bytes are given back
        self._memory.end_use(left)


@dataclass(slots=True)
class _Unprepared:
    """A job that reads a request's body and runs it. If images are decoded then, that may be work of another kind."""

    _api: RestApi
    _request: Request
    _kind: str
    _made: float  # when it began to wait for a thread, by `time.perf_counter`

    def run(self) -> Response | Moved[Response] | Pending[Response]:
        prepared = self._api.prepare(self._request, time.perf_counter() - self._made)
        if isinstance(prepared, Response):
            return prepared
        if prepared.kind not in ("", self._kind):
            return Moved(prepared, prepared.kind)
        return prepared.run()

    def release(self) -> None:
        pass


def _cancel(timer: asyncio.TimerHandle, _: asyncio.Future[Response]) -> None:
    timer.cancel()
