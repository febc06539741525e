"""The REST and gRPC endpoints of a server.

Both ports are opened together, before any slow work starts, and both endpoints are drained together. One event loop
serves both, on a thread of its own, and they share the threads for long calls.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from lightship.errors import LightshipError
from lightship.lifecycle.manager import Manager
from lightship.memory_budget import MemoryBudget
from lightship.server.assembly import executor_of, grpc_api_of, rest_app_of
from lightship.server.open_files import max_connections
from lightship.server.options import ServerOptions
from lightship.transports.connections import Connections
from lightship.transports.grpc.context import Reload
from lightship.transports.http.server import HttpServer, new_event_loop
from lightship.transports.metrics.metrics import Metrics
from lightship.transports.rest.app import RestApp
from lightship.transports.rest.pages.metrics import Families
from lightship.transports.sockets import listen
from lightship.transports.turn import Turn

if TYPE_CHECKING:
    from lightship.transports.grpc.server import GrpcServer

logger = logging.getLogger(__name__)


class Endpoints:
    """Opens the ports when it is constructed, and answers requests after `start`.

    `executor` runs the long calls of both endpoints.
    """

    app: RestApp
    grpc: GrpcServer | None = None
    _thread: threading.Thread | None = None

    def __init__(self, options: ServerOptions) -> None:
        """Opens the ports.

        Raises AlreadyExists, PermissionDenied or InvalidArgument if an address cannot be opened, and InvalidArgument
        for invalid TLS keys.
        """
        self._options = options
        self._http: HttpServer | None = None
        self.executor = executor_of(options)
        self.draining = False
        self._listening = _listening(options)
        self.rest_port: int = self._listening.getsockname()[1] if self._listening else 0
        try:
            self.grpc = _grpc_server(options)
        except LightshipError:
            if self._listening is not None:
                self._listening.close()
            raise

    @property
    def grpc_port(self) -> int:
        return self.grpc.port if self.grpc is not None else 0

    @property
    def rest_url(self) -> str:
        """`http://HOST:PORT`. If the server listens on every interface, HOST is the loopback address."""
        return f"http://{self._host}:{self.rest_port}"

    @property
    def grpc_address(self) -> str:
        """`HOST:PORT`. If the server listens on every interface, HOST is the loopback address."""
        return f"{self._host}:{self.grpc_port}"

    def start(
        self,
        manager: Manager,
        budget: MemoryBudget,
        further_metrics: Families,
        own_metrics: Families,
        reload: Reload,
    ) -> None:
        """Starts to answer requests.

        further_metrics: returns TensorFlow Serving's metrics besides those of requests. own_metrics: those that only we
        have.
        """
        options, metrics, turn = self._options, Metrics(manager.models), Turn()
        served: list[Coroutine[object, object, None]] = []
        if self._listening is not None:
            address = self._listening.getsockname()[0]
            self.app = rest_app_of(
                manager, options, self.executor, budget, metrics, further_metrics, own_metrics, address, turn
            )
            self._http = HttpServer(self.app, self._listening, options.drain_seconds, options.timeouts)
            served.append(self._http.serve())
        if self.grpc is not None:
            api = grpc_api_of(manager, options, budget, metrics, further_metrics, reload, lambda: self.draining)
            connections: Connections[Any] = Connections(max_connections(options.limits.connections))
            connections.share_limit(self.grpc.connections)
            if self._http is not None:
                connections.share_limit(self._http.connections)
            served.append(self.grpc.serve(api, self.executor, turn))
        self._thread = threading.Thread(target=_run, args=served, name="event-loop", daemon=True)
        self._thread.start()
        self._log_addresses()

    def _log_addresses(self) -> None:
        if self._http is not None:
            logger.info("REST on %s", self.rest_url, extra={"url": self.rest_url})
        if self.grpc_port:
            logger.info("gRPC on %s", self.grpc_address, extra={"address": self.grpc_address})
        if self.grpc is not None and self._options.grpc.socket_path:
            logger.info("gRPC on unix:%s", self._options.grpc.socket_path)

    def drain(self) -> None:
        """Starts to shut down and returns at once. Running requests are finished first.

        May be called from any thread or from a signal handler, and more than once.
        """
        self.draining = True
        if self.grpc is not None:
            self.grpc.drain(self._options.drain_seconds)
        if self._http is not None:
            self._http.drain()

    def stop(self) -> int:
        """Calls `drain`, waits until it is complete, and returns the number of requests that were cut off."""
        self.drain()
        if self._thread is not None:
            self._thread.join()
        self.executor.close()
        unanswered = self._http.unanswered if self._http is not None else 0
        if self.grpc is not None:
            self.grpc.close()
            unanswered += self.grpc.unanswered
        return unanswered

    @property
    def _host(self) -> str:
        given = self._options.host
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(given, given)
        return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _run(*served: Coroutine[object, object, None]) -> None:
    """Runs coroutines on an event loop of their own until all have ended."""

    async def all_of_them() -> None:
        await asyncio.gather(*served)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(all_of_them())


def _listening(options: ServerOptions) -> socket.socket | None:
    try:
        return listen(options.host, options.rest_port) if options.rest_port else None
    except LightshipError as error:
        if not options.rest_may_fail:
            raise
        logger.error("Failed to start HTTP Server at localhost:%s: %s", options.rest_port, error.message)
        return None


def _grpc_server(options: ServerOptions) -> GrpcServer | None:
    if not options.grpc_port and not options.grpc.socket_path:
        return None
    from lightship.transports.grpc.server import GrpcServer  # imported here because not every server has gRPC

    return GrpcServer(options.host, options.grpc_port, options.grpc)
