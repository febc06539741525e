"""The endpoints of a server with several workers: the workers answer, and this process does not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from lightship.lifecycle.served_models import ServedModels
from lightship.server.listening import Listening
from lightship.server.options import ServerOptions
from lightship.server.unfinished import Unfinished
from lightship.server.workers.link import Link
from lightship.server.workers.supervisor import Reload, Supervisor
from lightship.transports.access_log.log_file import open_log
from lightship.transports.grpc.options import Tls


class WorkerEndpoints:
    """Has the methods of `Endpoints`."""

    def __init__(self, options: ServerOptions, listening: Listening, supervisor: Supervisor) -> None:
        """Raises InvalidArgument for invalid TLS keys, and for an access log that cannot be written."""
        self._listening, self._supervisor = listening, supervisor
        self._drained: Sequence[tuple[Link, Future[Any]]] | None = None
        if options.grpc.tls is not None and listening.grpc:
            _check_tls(options.grpc.tls)
        if options.access_log_file is not None:
            os.close(open_log(options.access_log_file))  # so that the start fails, and not each worker

    def start(self, _: ServedModels, reload: Reload) -> None:
        self._supervisor.open(self._listening, reload)

    def reopen_log(self) -> None:
        """Lets each worker open the file of the access log anew."""
        self._supervisor.reopen_log()

    def renew_tls(self, tls: Tls) -> None:
        """Lets each worker use other TLS keys for new connections. Raises InvalidArgument for invalid ones."""
        _check_tls(tls)
        self._supervisor.renew_tls(tls)

    def drain(self) -> None:
        """Starts to shut down and returns at once. Running requests are finished first."""
        if self._drained is None:
            self._drained = self._supervisor.drain()
            self._listening.close_sockets()  # the workers still have them

    def stop(self) -> Unfinished:
        """Calls `drain`, waits until it is complete, and returns which requests were cut off."""
        self.drain()
        assert self._drained is not None
        return self._supervisor.stop(self._drained)


def _check_tls(tls: Tls) -> None:
    from lightship.transports.grpc.tls import server_context  # imported here because not every server has TLS

    server_context(tls)
