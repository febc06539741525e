"""The ASGI application: reads a request, has it answered by a worker, sends the answer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from lightship.errors import DeadlineExceeded, LightshipError, Unavailable
from lightship.lifecycle.manager import Manager
from lightship.transports.rest.api import RestApi
from lightship.transports.rest.body import Body, Disconnected, Receive
from lightship.transports.rest.health import live, metrics_page, ready
from lightship.transports.rest.limits import Budget, Limits
from lightship.transports.rest.memory import MemoryKeeper
from lightship.transports.rest.messages import Headers, Request, Response, error_response
from lightship.transports.rest.metrics import Metrics
from lightship.transports.rest.workers import Workers

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MOST_WAITING = 1024  # requests whose bodies are read and that no worker has taken up
BODY_PATIENCE = 60.0  # seconds without a byte of a body that was announced
_LINGER = 2.0  # seconds for which a refused body is read on and thrown away
_CLOSE: Headers = ((b"connection", b"close"),)
_RETRY_AND_CLOSE: Headers = ((b"retry-after", b"1"), *_CLOSE)


class RestApp:
    """`timeout`: seconds for one call, from its last byte to its answer; 0 or less for none."""

    def __init__(
        self, manager: Manager, *, limits: Limits | None = None, timeout: float = 30.0, threads: int = 0
    ) -> None:
        self.draining = False
        self._manager = manager
        self._limits = limits or Limits()
        self._timeout = timeout
        self._budget = Budget(self._limits.held)
        self._memory = MemoryKeeper()
        self._metrics = Metrics(manager.models)
        api = RestApi(manager, self._limits, self._metrics)
        self._workers = Workers(api.answer, threads or default_threads(), MOST_WAITING)

    @property
    def unfinished(self) -> int:
        """Requests with the workers."""
        return self._workers.unfinished

    def close(self) -> None:
        self._workers.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        head = _head(scope)
        page = self._page(head) if head.method in ("GET", "HEAD") else None
        if page is not None:
            await self._send(send, page)
            return
        body = Body(receive, self._budget, self._limits.of(head.content_type), BODY_PATIENCE)
        try:
            await self._exchange(head, body, _header(scope, b"content-length"), send)
        except Disconnected:
            return
        finally:
            self._memory.after(body.size)
            body.release()

    async def _exchange(self, head: Request, body: Body, length: bytes | None, send: Send) -> None:
        try:
            data = await body.read(length)
        except LightshipError as error:
            return await self._refuse(error, body, send)
        request = head.with_body(data)
        del data
        try:
            answered = self._workers.submit(request)
        except Unavailable as error:
            return await self._send(send, error_response(error, headers=_RETRY_AND_CLOSE))
        del request
        response = await self._within_timeout(answered)
        await self._send(send, response)
        self._memory.after(len(response.body))

    async def _within_timeout(self, answered: asyncio.Future[Response]) -> Response:
        if self._timeout <= 0:
            return await answered
        timer = asyncio.get_running_loop().call_later(self._timeout, answered.cancel)
        try:
            return await answered
        except asyncio.CancelledError:
            if not answered.cancelled():
                raise
            late = DeadlineExceeded(f"the call did not finish within {self._timeout:g} seconds (--timeout)")
            return error_response(late)
        finally:
            timer.cancel()

    async def _refuse(self, error: LightshipError, body: Body, send: Send) -> None:
        """An error for a body that is not read to its end, after which the connection is of no use."""
        headers = _RETRY_AND_CLOSE if isinstance(error, Unavailable) else _CLOSE
        body.release()
        await self._send(send, error_response(error, headers=headers), more=True)
        await body.discard(_LINGER)
        await send({"type": "http.response.body", "body": b""})

    async def _send(self, send: Send, response: Response, more: bool = False) -> None:
        headers = [
            (b"content-type", response.content_type),
            (b"content-length", b"%d" % len(response.body)),
            *response.headers,
        ]
        if self.draining:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body, "more_body": more})

    def _page(self, head: Request) -> Response | None:
        """What is answered at once, by the event loop itself, so that it is answered under any load."""
        if head.path == "/livez":
            return live()
        if head.path == "/readyz":
            return ready(self._manager, self.draining)
        return metrics_page(self._metrics) if head.path == "/metrics" else None


def default_threads() -> int:
    return max(4, 2 * (os.cpu_count() or 1))


def _head(scope: Scope) -> Request:
    path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    return Request(scope["method"], path, query, b"", scope["headers"])


def _header(scope: Scope, wanted: bytes) -> bytes | None:
    return next((value for name, value in scope["headers"] if name == wanted), None)
