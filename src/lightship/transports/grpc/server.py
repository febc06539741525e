"""The gRPC server: opens its sockets, serves `GrpcApi` over HTTP/2, and ends without losing a call."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from pathlib import Path
from socket import socket

from lightship.errors import LightshipError
from lightship.transports.grpc.api import GrpcApi
from lightship.transports.grpc.application import Budget, GrpcApplication
from lightship.transports.grpc.call import Answer
from lightship.transports.grpc.channel_arguments import settings_of
from lightship.transports.grpc.options import GrpcOptions
from lightship.transports.grpc.tls import server_context
from lightship.transports.http.executor import Executor, default_threads
from lightship.transports.http.server import new_event_loop
from lightship.transports.http2.server import Http2Server
from lightship.transports.sockets import Port, listen, listen_unix

logger = logging.getLogger(__name__)

_MAX_WAITING = 1 << 14  # calls that wait for a thread


class GrpcServer:
    """Opens the port when it is constructed, answers after `start`, and shuts down with `drain` and `stop`.

    `unanswered` is the number of calls that were cut off at the end.
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
        self._thread: threading.Thread | None = None
        self._drain_begun = asyncio.Event()
        self._end: float | None = None
        self._application: GrpcApplication | None = None
        self._failure: BaseException | None = None
        self.port = 0
        self.unanswered = 0
        try:
            self._open(host, port)
        except LightshipError:
            self._close()
            raise

    @property
    def unfinished(self) -> int:
        """The number of calls that were received and not answered."""
        return self._application.unfinished if self._application is not None else 0

    @property
    def waiting(self) -> int:
        """The number of threads that wait for models to change."""
        return self._application.waiting if self._application is not None else 0

    def start(self, api: GrpcApi, budget: Budget | None = None) -> None:
        """Answers on a thread of its own. `budget` is the memory of all requests; None means no limit."""
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(api, budget, started), name="grpc", daemon=True)
        self._thread.start()
        started.wait()
        if self._failure is not None:
            raise self._failure

    def drain(self, seconds: float) -> None:
        """Starts to shut down: refuses new calls, and cuts off running calls after `seconds`.

        May be called from any thread and more than once.
        """
        if self._end is None:
            self._end = time.monotonic() + seconds
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._drain_begun.set)

    def stop(self, seconds: float) -> None:
        """Calls `drain` and waits until it is complete."""
        self.drain(seconds)
        if self._thread is not None:
            self._thread.join()
        self._close()
        if self.unanswered:
            logger.error("%d calls of gRPC were not finished within %g seconds", self.unanswered, seconds)

    async def serve(self, api: GrpcApi, budget: Budget | None, started: threading.Event) -> None:
        """Answers on the running event loop until it is drained. Sets `started` when it accepts connections."""
        self._loop = asyncio.get_running_loop()
        executor: Executor[Answer] = Executor(self._options.runs or default_threads(), _MAX_WAITING)
        settings = self._settings
        application = GrpcApplication(api, settings, executor, budget, reflection=self._options.reflection)
        self._application = application
        server = Http2Server(application, self._listening, settings.http2, self._encryption)
        await server.start()
        started.set()
        if self._end is None:
            await self._drain_begun.wait()
        assert self._end is not None
        application.wake_watches()
        await server.drain(self._end)
        self.unanswered = application.unfinished
        await server.abort()
        application.close()
        executor.close()

    def _run(self, api: GrpcApi, budget: Budget | None, started: threading.Event) -> None:
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(self.serve(api, budget, started))
        except BaseException as error:
            if started.is_set():
                raise
            self._failure = error
            started.set()

    def _open(self, host: str, port: Port) -> None:
        if port != 0:
            name = host.strip("[]") or "0.0.0.0"
            self._listening.append(listen(name, port, "--grpc-port", reuse_port=self._settings.reuse_port))
            self.port = self._listening[0].getsockname()[1]
        if self._options.socket_path:
            path = Path(self._options.socket_path)
            self._listening.append(listen_unix(path))
            self._socket_file = (path, path.stat().st_ino)

    def _close(self) -> None:
        for listening in self._listening:
            listening.close()
        if self._socket_file is not None:
            path, inode = self._socket_file
            with contextlib.suppress(OSError):  # it was removed or replaced
                if path.stat().st_ino == inode:
                    path.unlink()
            self._socket_file = None
