"""A worker: it loads the versions that the supervisor names, and answers calls on the supervisor's sockets."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from socket import socket
from typing import Any

from lightship.engines.scratch import remove_present
from lightship.engines.trial import cancel_trials, stop_helpers
from lightship.errors import Unavailable
from lightship.lifecycle.model_config import ModelConfig
from lightship.lifecycle.servable import ServableId
from lightship.lifecycle.served_models import WorkerState
from lightship.memory import LongLived, keep_freed_memory, resume_collections
from lightship.server.endpoints import Endpoints, Sockets
from lightship.server.loading import Loading
from lightship.server.logs import configure_logging
from lightship.server.options import ServerOptions
from lightship.server.workers.channel import Channel, ChannelClosed, Handler, Received
from lightship.server.workers.followed import FollowedModels
from lightship.server.workers.places import balances
from lightship.server.workers.values import decode, decode_reading, decode_state, encode, encode_reading
from lightship.server.workers.versions import PreparedVersions
from lightship.transports.grpc.options import Tls
from lightship.transports.metrics.reading import MetricsReading, ProcessMetrics

logger = logging.getLogger(__name__)

_SET_PARENT_DEATH_SIGNAL = 1  # of prctl(2)
_METRICS_SECONDS = 10.0


def main(fd: int, parent: int) -> None:
    """Runs a worker. fd: the socket that is connected to the supervisor. parent: the supervisor's process."""
    _end_with(parent)
    resume_collections()
    Worker(socket(fileno=fd)).run()


class Worker:
    """Does what the supervisor says until it says `end` or is gone."""

    _options: ServerOptions
    _loading: Loading
    _versions: PreparedVersions

    def __init__(self, connection: socket) -> None:
        self._models = FollowedModels()
        self._process_metrics = ProcessMetrics()
        self._endpoints: Endpoints | None = None
        self._renewed_tls: Tls | None = None
        self._number = 0
        self._over = threading.Event()
        self._reloads = count(1)
        handlers = {
            "start": Handler(self._on_start),
            "prepare": Handler(self._on_prepare, slow=True),
            "serve": Handler(self._on_serve),
            "states": Handler(self._on_states),
            "accept": Handler(self._on_accept),
            "drop": Handler(self._on_drop, slow=True),
            "engine": Handler(self._on_engine, slow=True),
            "metrics": Handler(self._on_metrics, slow=True),
            "reopen_log": Handler(self._on_reopen_log),
            "renew_tls": Handler(self._on_renew_tls),
            "alive": Handler(lambda _: None),
            "drain": Handler(self._on_drain, slow=True),
            "end": Handler(self._on_end),
        }
        self._channel = Channel(connection, handlers, _end_at_once)

    def run(self) -> None:
        """Returns after the supervisor has said `end`. If the supervisor is gone, the process ends at once."""
        self._channel.start()
        self._over.wait()
        cancel_trials()
        stop_helpers()
        remove_present()
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)  # Python would wait for threads that still run a model

    def _on_start(self, received: Received) -> None:
        body = received.body
        self._options = options = decode(body["options"])
        self._number = body["number"]
        configure_logging(options.log_format or "text", worker=self._number, warnings_only=options.log_format is None)
        keep_freed_memory()
        long_lived = LongLived()
        self._loading = Loading(options)
        self._versions = PreparedVersions(self._loading.load, long_lived.changed)

    def _on_prepare(self, received: Received) -> list[str]:
        number, name, version, path = received.body
        return self._versions.prepare(number, ServableId(name, version), Path(path))

    def _on_serve(self, received: Received) -> None:
        name, versions, labels = received.body
        self._models.publish(name, self._versions.leases(dict(versions)), labels)

    def _on_states(self, received: Received) -> None:
        changed, removed, order, workers = received.body
        states = [decode_state(one) for one in changed]
        self._models.update(states, removed, order, [WorkerState(*one) for one in workers])

    def _on_accept(self, received: Received) -> None:
        rest, workers = received.body
        counts, *fds = received.fds
        opened = [socket(fileno=fd) for fd in fds]
        rest_balance, grpc_balance = balances(counts, self._number, workers)
        os.close(counts)
        sockets = Sockets(opened.pop(0) if rest else None, opened, rest_balance, grpc_balance)
        endpoints = Endpoints(self._options, sockets, self._loading)
        if self._renewed_tls is not None:
            endpoints.renew_tls(self._renewed_tls)
        endpoints.start(self._models, self._reload, self._read_all)
        self._endpoints = endpoints

    def _on_drop(self, received: Received) -> None:
        self._versions.drop(received.body)

    def _on_engine(self, received: Received) -> str:
        number, signature = received.body
        return self._versions.engine_of(number, signature)

    def _on_metrics(self, _: Received) -> Any:
        metrics = self._loading.metrics
        counted = metrics if self._endpoints is None else self._endpoints
        return encode_reading(MetricsReading(counted.families(), counted.own_families(), self._process_metrics.text()))

    def _on_reopen_log(self, _: Received) -> None:
        if self._endpoints is not None:
            self._endpoints.reopen_log()

    def _on_renew_tls(self, received: Received) -> None:
        self._renewed_tls = decode(received.body)
        if self._endpoints is not None:
            self._endpoints.renew_tls(self._renewed_tls)

    def _on_drain(self, _: Received) -> int:
        return self._endpoints.stop().calls if self._endpoints is not None else 0

    def _on_end(self, _: Received) -> None:
        self._over.set()

    def _reload(self, models: Sequence[ModelConfig], cancelled: Callable[[], bool]) -> None:
        """Lets the supervisor replace the models of all workers. Raises the errors of `Configuration.reload`."""
        number = next(self._reloads)
        answer = self._channel.ask("reload", [number, encode(list(models))])
        answer.add_done_callback(lambda _: self._models.wake())
        self._models.wait(lambda _: answer.done() or cancelled(), None)
        if not answer.done():
            self._channel.tell("cancel", number)
        try:
            answer.result()
        except ChannelClosed:
            raise Unavailable("the server is stopping") from None

    def _read_all(self) -> MetricsReading:
        """Returns the metrics of all workers together."""
        try:
            return decode_reading(self._channel.ask("metrics").result(_METRICS_SECONDS))
        except (ChannelClosed, TimeoutError):
            raise Unavailable("the metrics of the workers cannot be read now; try again later") from None


def _end_with(parent: int) -> None:
    """Lets Linux end this process with the supervisor, however that ends. Elsewhere the channel tells of its end."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        _end_at_once()


def _end_at_once() -> None:
    os._exit(1)
