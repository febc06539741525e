"""The REST and gRPC endpoints of a server.

Both are drained together. One event loop on a thread of its own serves both, and they share the threads for long calls.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple

from lightship.errors import LightshipError
from lightship.lifecycle.served_models import ServedModels
from lightship.server.assembly import access_log_of, executor_of, grpc_api_of, rest_app_of
from lightship.server.certificate_metrics import certificate_families
from lightship.server.loading import Loading
from lightship.server.open_files import max_connections
from lightship.server.options import ServerOptions
from lightship.server.queue_metrics import queue_families
from lightship.server.unfinished import Unfinished
from lightship.time_slices import SHORTEST, set_time_slice
from lightship.transports.accepting import Balance
from lightship.transports.access_log.access_log import AccessLog
from lightship.transports.connections import Connections
from lightship.transports.grpc.certificates import validities_of
from lightship.transports.grpc.context import Reload
from lightship.transports.grpc.options import Tls
from lightship.transports.http.server import HttpServer, new_event_loop
from lightship.transports.metrics.metrics import Metrics
from lightship.transports.metrics.own.requests import RequestMetrics
from lightship.transports.metrics.reading import Families, ReadMetrics
from lightship.transports.metrics.text import Family
from lightship.transports.rest.app import RestApp
from lightship.transports.turn import TimedTurn, Turn

if TYPE_CHECKING:
    from socket import socket

    from lightship.transports.grpc.server import GrpcServer

logger = logging.getLogger(__name__)


class Sockets(NamedTuple):
    """The listening sockets of the endpoints."""

    rest: socket | None
    grpc: list[socket]
    # How they are shared with other processes; None if they are not.
    rest_balance: Balance | None = None
    grpc_balance: Balance | None = None

    @property
    def shared(self) -> bool:
        """Whether other processes have them too."""
        return self.rest_balance is not None or self.grpc_balance is not None


class Endpoints:
    """Answers requests after `start`.

    `executor` runs the long calls of both endpoints.
    """

    app: RestApp
    grpc: GrpcServer | None = None
    _thread: threading.Thread | None = None

    def __init__(self, options: ServerOptions, sockets: Sockets, loading: Loading) -> None:
        """loading: what loads the versions.

        Raises InvalidArgument for invalid TLS keys, and for an access log that cannot be written.
        """
        self._options, self._sockets, self._loading = options, sockets, loading
        self._http: HttpServer | None = None
        self.draining = False
        self._request_metrics: Families = list
        self._own_request_metrics: Families = list
        self._access_log = access_log_of(options, shared=sockets.shared)
        try:
            self.grpc = _grpc_server(options, sockets, self._access_log)
        except LightshipError:
            self._close_log()
            raise
        self.executor = executor_of(options)

    def start(self, models: ServedModels, reload: Reload, read_all: ReadMetrics | None = None) -> None:
        """Starts to accept connections. `read_all`: reads the metrics of all processes that share the sockets."""
        options, sockets, loading = self._options, self._sockets, self._loading
        metrics, budget = Metrics(models.models), loading.budget
        turn = Turn() if self._access_log is None else TimedTurn(self._access_log)
        own_metrics = RequestMetrics(models.models)
        self._request_metrics, self._own_request_metrics = metrics.families, own_metrics.families
        served: list[Coroutine[object, object, None]] = []
        if sockets.rest is not None:
            address = sockets.rest.getsockname()[0]
            self.app = rest_app_of(
                models,
                options,
                self.executor,
                budget,
                metrics,
                loading.metrics,
                own_metrics,
                self.own_families,
                lambda: self._present_families(models),
                address,
                turn,
                read_all,
            )
            self._http = HttpServer(
                self.app,
                sockets.rest,
                options.drain_seconds,
                options.timeouts,
                sockets.rest_balance,
                self._access_log,
            )
            served.append(self._http.serve())
        if self.grpc is not None:
            families = self.families if read_all is None else lambda: read_all().families
            api = grpc_api_of(models, options, budget, metrics, own_metrics, families, reload, lambda: self.draining)
            connections: Connections[Any] = Connections(max_connections(options.limits.connections))
            connections.share_limit(self.grpc.connections)
            if self._http is not None:
                connections.share_limit(self._http.connections)
            served.append(self.grpc.serve(api, self.executor, turn))
        thread = threading.Thread(target=_run, args=served, name="event-loop", daemon=True)
        thread.start()
        self._thread = thread

    def families(self) -> list[Family]:
        """Returns what this process has counted, in the metrics that TensorFlow Serving has too."""
        return self._request_metrics() + self._loading.metrics.families()

    def own_families(self) -> list[Family]:
        """Returns what this process has counted, in the metrics that only we have."""
        queues = queue_families(self.executor, self._loading.budget)
        return self._own_request_metrics() + queues + self._loading.metrics.own_families()

    def _present_families(self, models: ServedModels) -> list[Family]:
        """Returns the metrics of what is so now for the whole server, whichever process answers."""
        tls = self.grpc.tls if self.grpc is not None else None
        certificates = certificate_families({} if tls is None else validities_of(tls))
        return self._loading.metrics.versions.present_families(models) + certificates

    def reopen_log(self) -> None:
        """Opens the file of the access log anew, after it was renamed."""
        if self._access_log is not None:
            self._access_log.reopen()

    def renew_tls(self, tls: Tls) -> None:
        """Uses other TLS keys for new connections. Raises InvalidArgument for invalid ones."""
        if self.grpc is not None:
            self.grpc.renew_tls(tls)

    def drain(self) -> None:
        """Starts to shut down and returns at once. Running requests are finished first.

        May be called from any thread or from a signal handler, and more than once.
        """
        self.draining = True
        if self.grpc is not None:
            self.grpc.drain(self._options.drain_seconds)
        if self._http is not None:
            self._http.drain()

    def stop(self) -> Unfinished:
        """Calls `drain`, waits until it is complete, and returns which requests were cut off."""
        self.drain()
        if self._thread is not None:
            self._thread.join()
        self.executor.close()
        self._close_log()
        unanswered = self._http.unanswered if self._http is not None else 0
        return Unfinished(unanswered + (self.grpc.unanswered if self.grpc is not None else 0))

    def _close_log(self) -> None:
        if self._access_log is not None:
            self._access_log.close()


def _run(*served: Coroutine[object, object, None]) -> None:
    """Runs coroutines on an event loop of their own until all have ended.

    The loop works only briefly at a time. So it has the shortest time slice, and takes the processor from threads that
    compute as soon as it is woken. The threads that it starts do not.
    """

    async def all_of_them() -> None:
        await asyncio.gather(*served)

    set_time_slice(SHORTEST, inherited=False)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(all_of_them())


def _grpc_server(options: ServerOptions, sockets: Sockets, access_log: AccessLog | None) -> GrpcServer | None:
    if not sockets.grpc:
        return None
    from lightship.transports.grpc.server import GrpcServer  # imported here because not every server has gRPC

    return GrpcServer(options.grpc, sockets.grpc, sockets.grpc_balance, access_log)
