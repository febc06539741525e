"""uvicorn, told how to end: answer all that was sent, refuse what comes later, never reset a connection in use."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any, cast

import uvicorn

from lightship.transports.http.answering import ConnectionsState
from lightship.transports.http.application import Application
from lightship.transports.http.connection import HttpConnection
from lightship.transports.sockets import BACKLOG, readable, refuse_new_connections

logger = logging.getLogger(__name__)

_GRACE = 0.25  # seconds in which connections are still accepted after a signal, and longer while earlier calls run
_LINGER = 0.5  # seconds for which a connection without a request is kept after that
_HANDSHAKE = 0.1  # seconds for a client's last step of connecting, after its first one would be refused
_LOOK = 0.01


class HttpServer(uvicorn.Server):
    """Serves an app on one socket, in the loop of the thread that calls `run`."""

    def __init__(self, app: Application, listening: socket.socket, drain_seconds: float) -> None:
        super().__init__(_config(app))
        self.server_state: ConnectionsState = ConnectionsState(date=formatdate(usegmt=True).encode())
        self.unanswered = 0  # calls cut off at the end of the time to drain
        self._app = app
        self._listening = listening
        self._drain_seconds = drain_seconds

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the main thread's affair, not this one's."""
        yield

    def serve_until_drained(self) -> None:
        self.run(sockets=[self._listening])

    def drain(self) -> None:
        """Begins the end; any thread may call."""
        self._app.draining = True
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        ended = await super().on_tick(counter)
        if counter % 10 == 0:
            self.server_state.date = formatdate(usegmt=True).encode()
        now = asyncio.get_running_loop().time()
        for connection in self._connections():
            connection.check(now)
        return ended

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        end = asyncio.get_running_loop().time() + self._drain_seconds
        running = [(connection, connection.answered) for connection in self._connections() if not connection.idle]
        await asyncio.sleep(min(_GRACE, self._drain_seconds))
        await self._until(lambda: all(one.closed or one.answered > before for one, before in running), end)
        await self._stop_accepting(end)
        await self._until(self._all_closed, end)
        self._cut_off()
        await self._until(lambda: not self.server_state.connections, end + 1.0)

    async def _stop_accepting(self, end: float) -> None:
        refuse_new_connections(self._listening)
        await asyncio.sleep(_HANDSHAKE)  # what has begun to connect arrives, and the loop makes connections of it
        await self._until(lambda: not readable(self._listening), end)
        await asyncio.sleep(_LOOK)
        for server in self.servers:
            server.close()
        self._listening.close()
        self._closed_at = asyncio.get_running_loop().time()

    def _all_closed(self) -> bool:
        """Closes connections that have been quiet for a while; whether none is left."""
        now = asyncio.get_running_loop().time()
        for connection in self._connections():
            if now - max(connection.quiet_since, self._closed_at) > _LINGER and connection.idle:
                connection.transport.close()
        return not self.server_state.connections

    def _cut_off(self) -> None:
        left = self._connections()
        self.unanswered = sum(not connection.idle for connection in left)
        for connection in left:
            connection.transport.abort()
        for task in self.server_state.tasks:
            task.cancel()
        if self.unanswered:
            logger.error("%d calls were not finished within %g seconds", self.unanswered, self._drain_seconds)

    def _connections(self) -> list[HttpConnection]:
        return [one for one in list[object](self.server_state.connections) if isinstance(one, HttpConnection)]

    async def _until(self, condition: Callable[[], bool], end: float) -> None:
        while not condition() and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(_LOOK)


def _config(app: Application) -> uvicorn.Config:
    return uvicorn.Config(
        cast(Any, app),  # which only HttpConnection asks, and not as an ASGI application
        loop="auto",
        http=HttpConnection,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
    )
