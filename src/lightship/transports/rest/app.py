"""Answers REST requests: fast ones on the event loop, others on a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from lightship.errors import DeadlineExceeded, LightshipError
from lightship.lifecycle.manager import Manager
from lightship.memory import default_budget
from lightship.memory_budget import MemoryBudget, Reservation
from lightship.transports.http.executor import Executor, default_threads
from lightship.transports.http.limits import Limits
from lightship.transports.http.messages import Request, Response
from lightship.transports.metrics.metrics import Metrics
from lightship.transports.rest.api import METHODS, RestApi
from lightship.transports.rest.errors import error_response
from lightship.transports.rest.pages.health import live, ready
from lightship.transports.rest.pages.metrics import Families, MetricsPages
from lightship.transports.rest.prepared import PreparedCall, Unread

MAX_WAITING = 1024  # requests that wait for a thread
MAX_INLINE_BYTES = 4 << 10  # a larger body is decoded on a thread, a smaller one on the event loop
_CALL_BYTES = 4 << 10  # what the objects of a call take while it waits for a thread, besides its request


class RestApp:
    """The REST application. Must be used on the event loop only.

    `timeout` is the number of seconds for one request, from its last byte to its response; 0 or less means no limit.
    `limits` apply to requests, and `budget` to the memory that all of them hold together. While `draining` is True,
    connections close after their running requests. `metrics` counts the requests. `metrics_path` is the path of an
    additional metrics page for any HTTP method; it must not be below `/v1/`.
    """

    def __init__(
        self,
        manager: Manager,
        *,
        limits: Limits | None = None,
        budget: MemoryBudget | None = None,
        timeout: float = 30.0,
        threads: int = 0,
        cors: bool = False,
        metrics: Metrics | None = None,
        metrics_path: str | None = None,
        further_metrics: Families = list,
    ) -> None:
        self.draining = False
        self.limits = limits or Limits()
        self.budget = budget or MemoryBudget(default_budget())
        self._manager = manager
        self._timeout = timeout
        metrics = metrics or Metrics(manager.models)
        self._metrics_pages = MetricsPages(metrics.families, further_metrics)
        self._metrics_path = metrics_path
        self._api = RestApi(manager, self.limits, metrics, cors=cors)
        self._executor: Executor[Response] = Executor(threads or default_threads(), MAX_WAITING)
        self._pages: dict[str, Callable[[], Response]] = {
            "/livez": live,
            "/readyz": lambda: ready(manager, self.draining),
            "/metrics": self._metrics_pages.own,
        }

    @property
    def unfinished(self) -> int:
        """The number of requests that wait for a thread or run on one."""
        return self._executor.unfinished

    def close(self) -> None:
        self._executor.close()

    def answer(self, request: Request) -> Response | asyncio.Future[Response]:
        """Returns the response, or a future of it.

        Never raises. A future that is cancelled before it runs does not run.
        """
        if request.target[:4] != "/v1/":
            page = self._page(request)
            if page is not None:
                return page
        if len(request.body) > MAX_INLINE_BYTES:
            return self._submit(Unread(partial(self._api.answer, request)), request)
        prepared = self._api.prepare(request)
        if isinstance(prepared, Response):
            return prepared
        response = prepared.try_run()
        return response if response is not None else self._submit(prepared, request)

    def refuse(self, error: LightshipError) -> Response:
        """Returns the response to a request that a connection refuses before it is complete.

        The connection then closes.
        """
        return error_response(error, close=True)

    def _page(self, request: Request) -> Response | None:
        if request.path == self._metrics_path and request.method in METHODS:
            return self._metrics_pages.monitoring(request)
        page = self._pages.get(request.path) if request.method in ("GET", "HEAD") else None
        return None if page is None else page()

    def _submit(self, call: PreparedCall, request: Request) -> Response | asyncio.Future[Response]:
        job = _CountedJob(call, request.memory)
        try:
            request.memory.keep(len(request.body) + _CALL_BYTES)
            answered = self._executor.submit(job)
        except LightshipError as error:
            job.release()
            return self.refuse(error)
        if self._timeout > 0:
            timer = asyncio.get_running_loop().call_later(self._timeout, self._give_up, answered)
            answered.add_done_callback(partial(_cancel, timer))
        return answered

    def _give_up(self, answered: asyncio.Future[Response]) -> None:
        if not answered.done():
            answered.set_result(error_response(DeadlineExceeded("Timed out waiting for notification")))


class _CountedJob:
    """A call whose memory stays reserved until it has ended, even if its client has gone."""

    __slots__ = ("_call", "_memory")

    def __init__(self, call: PreparedCall, memory: Reservation) -> None:
        self._call, self._memory = call, memory
        memory.begin_use()

    def run(self) -> Response:
        left = 0
        try:
            response = self._call.run()
            left = len(response.body)
            return response
        finally:
            del self._call  # its objects must be freed before their bytes are given back
            self._memory.end_use(left)

    def release(self) -> None:
        try:
            self._call.release()
        finally:
            del self._call
            self._memory.end_use()


def _cancel(timer: asyncio.TimerHandle, _: asyncio.Future[Response]) -> None:
    timer.cancel()
