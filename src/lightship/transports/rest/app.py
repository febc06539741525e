"""Answers requests as they come: at once where that is quick, else by a worker."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial

from lightship.errors import DeadlineExceeded, LightshipError, Unavailable
from lightship.lifecycle.manager import Manager
from lightship.services import NotPrompt
from lightship.transports.http.limits import Budget, Limits
from lightship.transports.http.memory import MemoryKeeper
from lightship.transports.http.messages import Headers, Request, Response
from lightship.transports.http.workers import Workers
from lightship.transports.metrics.metrics import Metrics
from lightship.transports.rest.api import METHODS, RestApi
from lightship.transports.rest.errors import error_response
from lightship.transports.rest.pages.health import live, ready
from lightship.transports.rest.pages.metrics import Families, MetricsPages

MOST_WAITING = 1024  # requests whose bodies are read and that no worker has taken up
MOST_PROMPT = 4 << 10  # bytes of a body that is read where it arrives, on the event loop
RETRY: Headers = ((b"Retry-After", b"1"),)


class RestApp:
    """Used on the event loop alone. `timeout`: seconds for one call, from its last byte to its answer; 0 or less for
    none. `limits` and `budget` are for who reads the bodies. `draining`: the connections end after what they run.
    `metrics`: where requests are counted. `metrics_path`: of a further page of metrics, for any verb; it is not below
    `/v1/`."""

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
        self.budget = Budget(self.limits.held)
        self._manager = manager
        self._timeout = timeout
        self._memory = MemoryKeeper()
        metrics = metrics or Metrics(manager.models)
        self._metrics_pages = MetricsPages(metrics.families, further_metrics)
        self._metrics_path = metrics_path
        self._api = RestApi(manager, self.limits, metrics, cors=cors)
        self._workers = Workers(self._api.answer, threads or default_threads(), MOST_WAITING)
        self._pages: dict[str, Callable[[], Response]] = {
            "/livez": live,
            "/readyz": lambda: ready(manager, self.draining),
            "/metrics": self._metrics_pages.own,
        }

    @property
    def unfinished(self) -> int:
        """Requests with the workers."""
        return self._workers.unfinished

    def close(self) -> None:
        self._workers.close()

    def answer(self, request: Request) -> Response | asyncio.Future[Response]:
        """The answer, or what it will come by; raises nothing. A future that is cancelled is not worked on."""
        if request.target[:4] != "/v1/":
            page = self._page(request)
            if page is not None:
                return page
        if len(request.body) <= MOST_PROMPT:
            try:
                return self._api.answer(request, prompt=True)
            except NotPrompt:
                pass
        return self._submitted(request)

    def refuse(self, error: LightshipError) -> Response:
        """The response to a request that a connection refuses before it is complete. The connection ends after it."""
        return error_response(error, headers=RETRY if isinstance(error, Unavailable) else (), close=True)

    def finished(self, received: int, sent: int) -> None:
        """To be told of a large request when its answer is written; both in bytes."""
        self._memory.after(received)
        self._memory.after(sent)

    def _page(self, request: Request) -> Response | None:
        if request.path == self._metrics_path and request.method in METHODS:
            return self._metrics_pages.monitoring(request)
        page = self._pages.get(request.path) if request.method in ("GET", "HEAD") else None
        return None if page is None else page()

    def _submitted(self, request: Request) -> Response | asyncio.Future[Response]:
        try:
            answered = self._workers.submit(request)
        except Unavailable as error:
            return self.refuse(error)
        if self._timeout > 0:
            timer = asyncio.get_running_loop().call_later(self._timeout, self._give_up, answered)
            answered.add_done_callback(partial(_cancel, timer))
        return answered

    def _give_up(self, answered: asyncio.Future[Response]) -> None:
        if not answered.done():
            answered.set_result(error_response(DeadlineExceeded("Timed out waiting for notification")))


def default_threads() -> int:
    return max(4, 2 * (os.cpu_count() or 1))


def _cancel(timer: asyncio.TimerHandle, _: asyncio.Future[Response]) -> None:
    timer.cancel()
