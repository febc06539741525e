"""An HTTP server on its own event loop, which answers all requests that it received before it stops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from typing import Any

from lightship.transports.accepting import Balance, Closable, accept_connections
from lightship.transports.access_log.access_log import AccessLog
from lightship.transports.connections import Connections
from lightship.transports.http.answer_queue import AnswerQueue
from lightship.transports.http.application import Application
from lightship.transports.http.connection import HttpConnection
from lightship.transports.http.known_heads import KnownHeads
from lightship.transports.http.limits import Timeouts
from lightship.transports.http.logged_connection import LoggedHttpConnection
from lightship.transports.http.logged_queue import LoggedAnswerQueue
from lightship.transports.periodic import HaltNoticed, PeriodicCalls
from lightship.transports.sockets import readable, refuse_new_connections
from lightship.transports.stalled import StalledClients
from lightship.transports.turn import TimedTurn

logger = logging.getLogger(__name__)

_TICK = 0.1  # seconds between two checks of the deadlines of all connections
_GRACE = 0.25  # seconds during which connections are still accepted after a signal; longer while earlier requests run
_LINGER = 0.5  # seconds for which a connection without a request is then kept open
_HANDSHAKE = 0.1  # seconds for a client to complete a handshake that has begun
_ENDING = 0.3  # seconds after the time to drain for connections that were cut off to close
_LOOK = 0.01  # seconds between two checks while the server stops


class HttpServer:
    """Serves an application on one socket, on the event loop that runs `serve`.

    `connections` are those that are open. `unanswered` is the number of requests that were cut off after
    `drain_seconds`.
    """

    def __init__(
        self,
        app: Application,
        listening: socket.socket,
        drain_seconds: float,
        timeouts: Timeouts | None = None,
        balance: Balance | None = None,
        access_log: AccessLog | None = None,
    ) -> None:
        """`balance`: shares the socket with other processes. `access_log`: takes note of each request."""
        self.unanswered = 0
        self._app = app
        self._listening, self._balance, self._access_log = listening, balance, access_log
        self._drain_seconds = drain_seconds
        self._timeouts = timeouts or Timeouts()
        self.connections: Connections[HttpConnection] = Connections(app.limits.connections)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._drain_begun = asyncio.Event()

    def drain(self) -> None:
        """Starts to shut down. May be called from any thread or from a signal handler, and more than once."""
        self._app.draining = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._drain_begun.set)

    async def serve(self) -> None:
        """Answers until the server is drained."""
        self._loop = loop = asyncio.get_running_loop()
        if self._app.draining:  # `drain` was called before the loop existed
            self._drain_begun.set()
        queue, connection = self._queue(loop)
        accepting = await accept_connections(
            connection,
            self._listening,
            self.connections,
            self._balance,
        )
        ticking = loop.create_task(self._tick(queue))
        await self._drain_begun.wait()
        await self._drain(accepting)
        ticking.cancel()

    def _queue(self, loop: asyncio.AbstractEventLoop) -> tuple[AnswerQueue[Any], Callable[[], HttpConnection]]:
        """Returns the queue of all connections, and what makes each of these."""
        app, log, heads = self._app, self._access_log, KnownHeads()
        if log is None:
            queue = AnswerQueue[HttpConnection](loop, app.turn)
            return queue, lambda: HttpConnection(app, queue, self._timeouts, loop, self.connections, heads)
        assert isinstance(app.turn, TimedTurn)
        logged = LoggedAnswerQueue(loop, app.turn, log)

        return logged, lambda: LoggedHttpConnection(app, logged, self._timeouts, loop, self.connections, heads)

    async def _tick(self, queue: AnswerQueue[Any]) -> None:
        loop, stalled = asyncio.get_running_loop(), StalledClients(self._app.budget)
        calls = PeriodicCalls("a check of the connections")
        dated = loop.time()
        halt = HaltNoticed(dated)
        while True:
            await asyncio.sleep(_TICK)
            now = loop.time()
            if now >= dated + 1:
                dated = now
                calls.call(queue.set_date)
            if halt.halted(now):
                continue
            for connection in self.connections:
                calls.call(connection.check_deadline, now)
            calls.call(stalled.look, self.connections, now)

    async def _drain(self, accepting: Closable) -> None:
        now = asyncio.get_running_loop().time()
        end = now + self._drain_seconds
        self._timeouts = self._timeouts.while_draining  # of new connections too
        for connection in self.connections:
            connection.hurry(self._timeouts, now)
        running = [(connection, connection.answered) for connection in self.connections if not connection.idle]
        await asyncio.sleep(min(_GRACE, self._drain_seconds))
        await _until(lambda: all(one.closed or one.answered > before for one, before in running), end)
        closed_at = await self._stop_accepting(accepting, end)
        await _until(lambda: self._all_closed(closed_at), end)
        self._cut_off()
        await _until(lambda: not len(self.connections), end + _ENDING)

    async def _stop_accepting(self, accepting: Closable, end: float) -> float:
        """Stops accepting connections. Returns when that was complete, by the loop's clock."""
        refuse_new_connections(self._listening)
        await asyncio.sleep(_HANDSHAKE)  # handshakes that have begun complete, and the loop accepts their connections
        await _until(lambda: not readable(self._listening), end)
        await asyncio.sleep(_LOOK)
        accepting.close()
        self._listening.close()
        return asyncio.get_running_loop().time()

    def _all_closed(self, closed_at: float) -> bool:
        """Closes connections that have been idle for a while. Returns whether none is left."""
        now = asyncio.get_running_loop().time()
        for connection in self.connections:
            if now - max(connection.quiet_since, closed_at) > _LINGER and connection.idle:
                connection.transport.close()
        return not len(self.connections)

    def _cut_off(self) -> None:
        left = list(self.connections)
        self.unanswered = sum(not connection.idle for connection in left)
        for connection in left:
            connection.transport.abort()
        if self.unanswered:
            logger.error("%d calls were not finished within %g seconds", self.unanswered, self._drain_seconds)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Returns uvloop's event loop if uvloop is installed, else asyncio's own, for example on Windows."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


async def _until(condition: Callable[[], bool], end: float) -> None:
    while not condition() and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(_LOOK)
