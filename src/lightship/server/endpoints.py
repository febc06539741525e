"""The REST and gRPC endpoints of a server.

Both ports are opened together, before any slow work starts, and both endpoints are drained together.
"""

from __future__ import annotations

import logging
import socket
import threading
from typing import TYPE_CHECKING

from lightship.errors import LightshipError
from lightship.lifecycle.manager import Manager
from lightship.server.assembly import grpc_api_of, rest_app_of
from lightship.server.load_metrics import LoadMetrics
from lightship.server.options import ServerOptions
from lightship.transports.grpc.context import Reload
from lightship.transports.http.server import HttpServer
from lightship.transports.metrics.metrics import Metrics
from lightship.transports.rest.app import RestApp
from lightship.transports.sockets import listen

if TYPE_CHECKING:
    from lightship.transports.grpc.server import GrpcServer

logger = logging.getLogger(__name__)


class Endpoints:
    """Opens the ports when it is constructed, and answers requests after `start`."""

    app: RestApp
    grpc: GrpcServer | None = None

    def __init__(self, options: ServerOptions) -> None:
        """Opens the ports.

        Raises AlreadyExists, PermissionDenied or InvalidArgument if an address cannot be opened, and InvalidArgument
        for invalid TLS keys.
        """
        self._options = options
        self._http: HttpServer | None = None
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

    def start(self, manager: Manager, load_metrics: LoadMetrics, reload: Reload) -> None:
        metrics = Metrics(manager.models)
        if self._listening is not None:
            self.app = rest_app_of(manager, self._options, metrics, load_metrics, self._listening.getsockname()[0])
            self._http = HttpServer(self.app, self._listening, self._options.drain_seconds, self._options.timeouts)
            self._thread = threading.Thread(target=self._http.serve_until_drained, name="http", daemon=True)
            self._thread.start()
            logger.info("REST on %s", self.rest_url, extra={"url": self.rest_url})
        if self.grpc is not None:
            self.grpc.start(grpc_api_of(manager, self._options, metrics, load_metrics, reload, lambda: self.draining))
            if self.grpc_port:
                logger.info("gRPC on %s", self.grpc_address, extra={"address": self.grpc_address})
            if self._options.grpc.socket_path:
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
        unanswered = 0
        if self._http is not None:
            self._thread.join()
            self.app.close()
            unanswered += self._http.unanswered
        if self.grpc is not None:
            self.grpc.stop(self._options.drain_seconds)
            unanswered += self.grpc.unanswered
        return unanswered

    @property
    def _host(self) -> str:
        given = self._options.host
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(given, given)
        return f"[{host}]" if ":" in host and not host.startswith("[") else host


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
    from lightship.transports.grpc.server import GrpcServer  # imported here because importing grpcio takes 0.1 s

    return GrpcServer(options.host, options.grpc_port, options.grpc)
