"""The gRPC server: serves `GrpcApi` over HTTP/2, and ends without losing a call."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from socket import socket

from lightship.transports.accepting import Balance
from lightship.transports.access_log.access_log import AccessLog
from lightship.transports.connections import Connections
from lightship.transports.grpc.api import GrpcApi
from lightship.transports.grpc.application import GrpcApplication
from lightship.transports.grpc.channel_arguments import settings_of
from lightship.transports.grpc.options import GrpcOptions, Tls
from lightship.transports.grpc.tls import server_context
from lightship.transports.http.executor import Executor
from lightship.transports.http2.connection import Http2Connection
from lightship.transports.http2.server import Http2Server
from lightship.transports.turn import Turn

logger = logging.getLogger(__name__)


class GrpcServer:
    """Answers on the event loop that runs `serve` until it is drained.

    `connections` are those that are open, and `tls` the keys of new ones. `unanswered` is the number of calls that were
    cut off at the end.
    """

    def __init__(
        self,
        options: GrpcOptions,
        listening: Sequence[socket],
        balance: Balance | None = None,
        access_log: AccessLog | None = None,
    ) -> None:
        """`balance`: shares the sockets with other processes. `access_log`: takes note of each call.

        Raises InvalidArgument for invalid TLS keys.
        """
        self._options = options
        self._settings = settings_of(options.channel_arguments)
        self._encryption = None if options.tls is None else server_context(options.tls)
        self.tls = options.tls
        self._listening, self._balance, self._access_log = listening, balance, access_log
        self._loop: asyncio.AbstractEventLoop | None = None
        self._drain_begun = asyncio.Event()
        self._seconds: float | None = None  # the time to drain, once a drain has begun
        self._end = 0.0
        self._application: GrpcApplication | None = None
        self._server: Http2Server | None = None
        self.connections: Connections[Http2Connection] = Connections()
        self.unanswered = 0

    @property
    def unfinished(self) -> int:
        """The number of calls that were received and not answered."""
        return self._application.unfinished if self._application is not None else 0

    @property
    def waiting(self) -> int:
        """The number of threads that wait for models to change."""
        return self._application.waiting if self._application is not None else 0

    async def serve(self, api: GrpcApi, executor: Executor, turn: Turn | None = None) -> None:
        """Answers until the server is drained. `executor` runs long calls, and `turn` is that of the event loop."""
        self._loop = asyncio.get_running_loop()
        settings = self._settings
        reflection, log = self._options.reflection, self._access_log
        application = GrpcApplication(api, settings, executor, reflection=reflection, turn=turn, access_log=log)
        self._application = application
        self._server = server = Http2Server(
            application, self._listening, settings.http2, self._encryption, self.connections, self._balance
        )
        await server.start()
        if self._seconds is None:  # otherwise `drain` was called before the loop existed
            await self._drain_begun.wait()
        application.wake_watches()
        await server.drain(self._end)
        self.unanswered = application.unfinished
        await server.abort()
        application.close()
        if self.unanswered:
            logger.error("%d calls of gRPC were not finished within %g seconds", self.unanswered, self._seconds)

    def renew_tls(self, tls: Tls) -> None:
        """Uses other TLS keys for new connections. May be called on any thread.

        Raises InvalidArgument for invalid keys.
        """
        self._encryption = server_context(tls)
        self.tls = tls
        if self._server is not None:
            self._server.renew_encryption(self._encryption)

    def drain(self, seconds: float) -> None:
        """Starts to shut down: refuses new calls, and cuts off running calls after `seconds`.

        May be called from any thread and more than once.
        """
        if self._seconds is None:
            self._end, self._seconds = time.monotonic() + seconds, seconds
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._drain_begun.set)
