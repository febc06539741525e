"""The gRPC server: opens its sockets, serves `GrpcApi` over HTTP/2, and ends without losing a call."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from pathlib import Path
from socket import socket

from lightship.errors import LightshipError
from lightship.transports.connections import Connections
from lightship.transports.grpc.api import GrpcApi
from lightship.transports.grpc.application import GrpcApplication
from lightship.transports.grpc.channel_arguments import settings_of
from lightship.transports.grpc.options import GrpcOptions
from lightship.transports.grpc.tls import server_context
from lightship.transports.http.executor import Executor
from lightship.transports.http2.connection import Http2Connection
from lightship.transports.http2.server import Http2Server
from lightship.transports.sockets import Port, listen, listen_unix
from lightship.transports.turn import Turn

logger = logging.getLogger(__name__)


class GrpcServer:
    """Opens its sockets when it is constructed, and answers on the event loop that runs `serve` until it is drained.

    `connections` are those that are open. `unanswered` is the number of calls that were cut off at the end.
    """

    def __init__(self, host: str, port: Port, options: GrpcOptions) -> None:
        """Opens the port. `port` is 0 for no TCP port.

        Raises AlreadyExists, PermissionDenied or InvalidArgument if an address cannot be opened or the TLS keys are
        invalid.
        """
        self._options = options
        self._settings = settings_of(options.channel_arguments)
        self._encryption = None if options.tls is None else server_context(options.tls)
        self._listening: list[socket] = []
        self._socket_file: tuple[Path, int] | None = None  # the UNIX socket and its inode
        self._loop: asyncio.AbstractEventLoop | None = None
        self._drain_begun = asyncio.Event()
        self._seconds: float | None = None  # the time to drain, once a drain has begun
        self._end = 0.0
        self._application: GrpcApplication | None = None
        self.connections: Connections[Http2Connection] = Connections()
        self.port = 0
        self.unanswered = 0
        try:
            self._open(host, port)
        except LightshipError:
            self.close()
            raise

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
        application = GrpcApplication(api, settings, executor, reflection=self._options.reflection, turn=turn)
        self._application = application
        server = Http2Server(application, self._listening, settings.http2, self._encryption, self.connections)
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

    def drain(self, seconds: float) -> None:
        """Starts to shut down: refuses new calls, and cuts off running calls after `seconds`.

        May be called from any thread and more than once.
        """
        if self._seconds is None:
            self._end, self._seconds = time.monotonic() + seconds, seconds
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._drain_begun.set)

    def close(self) -> None:
        """Closes what is still open, and removes the UNIX socket."""
        for listening in self._listening:
            listening.close()
        if self._socket_file is not None:
            path, inode = self._socket_file
            with contextlib.suppress(OSError):  # it was removed or replaced
                if path.stat().st_ino == inode:
                    path.unlink()
            self._socket_file = None

    def _open(self, host: str, port: Port) -> None:
        if port != 0:
            name = host.strip("[]") or "0.0.0.0"
            self._listening.append(listen(name, port, "--grpc-port", reuse_port=self._settings.reuse_port))
            self.port = self._listening[0].getsockname()[1]
        if self._options.socket_path:
            path = Path(self._options.socket_path)
            self._listening.append(listen_unix(path))
            self._socket_file = (path, path.stat().st_ino)
