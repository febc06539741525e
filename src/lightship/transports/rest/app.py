"""Answers REST requests: fast ones on the event loop, others on a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from lightship.errors import DeadlineExceeded, LightshipError, Unavailable
from lightship.lifecycle.manager import Manager
from lightship.transports.http.executor import Executor, default_threads
from lightship.transports.http.limits import Budget, Limits
from lightship.transports.http.memory import MemoryKeeper
from lightship.transports.http.messages import Headers, Request, Response
from lightship.transports.metrics.metrics import Metrics
from lightship.transports.rest.api import METHODS, RestApi
from lightship.transports.rest.errors import error_response
from lightship.transports.rest.pages.health import live, ready
from lightship.transports.rest.pages.metrics import Families, MetricsPages
from lightship.transports.rest.prepared import PreparedCall, Unread

MAX_WAITING = 1024  # requests that wait for a thread
MAX_INLINE_BYTES = 4 << 10  # a larger body is decoded on a thread, a smaller one on the event loop
RETRY: Headers = ((b"Retry-After", b"1"),)


class RestApp:
    """The REST application. Must be used on the event loop only.

    `timeout` is the number of seconds for one request, from its last byte to its response; 0 or less means no limit.
    `limits` and `budget` apply to connections that read bodies. While `draining` is True, connections close after their
    running requests. `metrics` counts the requests. `metrics_path` is the path of an additional metrics page for any
    HTTP method; it must not be below `/v1/`.
    """

    def __init__(
        self,
        manager: Manager,
        *,
        limits: Limits | None = None,
        timeout: float = 30.0,
        threads: int = 0,
        cors: bool = False,
        metrics: Metrics | None = None,
        metrics_path: str | None = None,
        further_metrics: Families = list,
    ) -> None:
        self.draining = False
        self.limits = limits or Limits()
        self.budget = Budget(max(self.limits.held, self.limits.json))
        self._manager = manager
        self._timeout = timeout
        self._memory = MemoryKeeper()
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
            return self._submit(Unread(partial(self._api.answer, request)))
        prepared = self._api.prepare(request)
        if isinstance(prepared, Response):
            return prepared
        response = prepared.try_run()
        return response if response is not None else self._submit(prepared)

    def refuse(self, error: LightshipError) -> Response:
        """Returns the response to a request that a connection refuses before it is complete.

        The connection then closes.
        """
        return error_response(error, headers=RETRY if isinstance(error, Unavailable) else (), close=True)

    def finished(self, received: int, sent: int) -> None:
        """Must be called after the response to a large request was written. Both sizes are in bytes."""
        self._memory.after(received)
        self._memory.after(sent)

    def _page(self, request: Request) -> Response | None:
        if request.path == self._metrics_path and request.method in METHODS:
            return self._metrics_pages.monitoring(request)
        page = self._pages.get(request.path) if request.method in ("GET", "HEAD") else None
        return None if page is None else page()

    def _submit(self, call: PreparedCall) -> Response | asyncio.Future[Response]:
        try:
            answered = self._executor.submit(call)
        except Unavailable as error:
            call.release()
            return self.refuse(error)
        if self._timeout > 0:
            timer = asyncio.get_running_loop().call_later(self._timeout, self._give_up, answered)
            answered.add_done_callback(partial(_cancel, timer))
        return answered

    def _give_up(self, answered: asyncio.Future[Response]) -> None:
        if not answered.done():
            answered.set_result(error_response(DeadlineExceeded("Timed out waiting for notification")))


def _cancel(timer: asyncio.TimerHandle, _: asyncio.Future[Response]) -> None:
    timer.cancel()
