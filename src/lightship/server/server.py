"""A server, whole: builds all that serves, starts it, and ends it without losing a call."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from lightship.errors import FailedPrecondition, InvalidArgument, LightshipError, Unknown
from lightship.lifecycle.availability import await_decided, failure_text, failures
from lightship.lifecycle.configuration import Configuration
from lightship.lifecycle.manager import Manager
from lightship.lifecycle.model_config import ModelConfig
from lightship.lifecycle.source import FileSystemSource
from lightship.lifecycle.state import State, VersionStatus
from lightship.memory import keep_freed_memory
from lightship.server.assembly import grpc_api_of, manager_of, rest_app_of
from lightship.server.folders import check_folder
from lightship.server.http_server import HttpServer
from lightship.server.listening import listen
from lightship.server.load_metrics import LoadMetrics
from lightship.server.logs import configure_logging
from lightship.server.options import ServerOptions, parse_model_argument
from lightship.transports.grpc.serving import Reload
from lightship.transports.metrics.metrics import Metrics

if TYPE_CHECKING:
    from lightship.server.grpc_server import GrpcServer

logger = logging.getLogger(__name__)

_LOOK = 0.2  # seconds between two looks whether to wait on


class Server:
    """Serves models until it is stopped; a context manager for use in a program, `run` for a process of its own."""

    manager: Manager
    configuration: Configuration

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        self._listening_port = 0
        self._started = self._draining = False
        self._stop = threading.Event()
        self._stopped = False
        self._signals = 0
        self._http: HttpServer | None = None
        self._grpc: GrpcServer | None = None
        self._source: FileSystemSource | None = None
        self._load_metrics = LoadMetrics()

    def start(self) -> Self:
        """Opens the ports, begins to load the models and returns; `wait_ready` waits for them.

        Raises AlreadyExists if a port is in use, NotFound for a folder that does not exist, InvalidArgument for keys
        that are none.
        """
        if self._started:
            return self
        if self._source is None:
            self._configure_logging()
            for model in self.options.models:
                check_folder(model, strict=self.options.strict)
        self._grpc = self._opened_grpc()
        listening = self._opened_rest()
        self._started = True
        self.load()
        metrics = Metrics(self.manager.models)
        if listening is not None:
            self._start_rest(listening, metrics)
        if self._grpc is not None:
            self._start_grpc(self._grpc, metrics)
        return self

    def _opened_grpc(self) -> GrpcServer | None:
        options = self.options
        if not options.grpc_port and not options.grpc.socket_path:
            return None
        from lightship.server.grpc_server import GrpcServer  # grpcio takes a tenth of a second

        return GrpcServer(options.host, options.grpc_port, options.grpc)

    def _opened_rest(self) -> socket.socket | None:
        options = self.options
        try:
            return listen(options.host, options.rest_port) if options.rest_port else None
        except LightshipError as error:
            if not options.rest_may_fail:
                self._close_grpc()
                raise
            logger.error("Failed to start HTTP Server at localhost:%s: %s", options.rest_port, error.message)
            return None

    def _close_grpc(self) -> None:
        if self._grpc is not None:
            self._grpc.stop(0)
            self._grpc = None

    def _start_rest(self, listening: socket.socket, metrics: Metrics) -> None:
        self._listening_port = listening.getsockname()[1]
        self._app = rest_app_of(self.manager, self.options, metrics, self._load_metrics)
        self._http = HttpServer(self._app, listening, self.options.drain_seconds)
        self._thread = threading.Thread(target=self._http.serve_until_drained, name="http", daemon=True)
        self._thread.start()
        logger.info("REST on %s", self.rest_url, extra={"url": self.rest_url})

    def _start_grpc(self, server: GrpcServer, metrics: Metrics) -> None:
        reload: Reload = lambda models, given_up: self.reload(models, None, given_up)  # noqa: E731
        draining = lambda: self._draining  # noqa: E731
        server.start(grpc_api_of(self.manager, self.options, metrics, self._load_metrics, reload, draining))
        if server.port:
            logger.info("gRPC on %s", self.grpc_address, extra={"address": self.grpc_address})
        if self.options.grpc.socket_path:
            logger.info("gRPC on unix:%s", self.options.grpc.socket_path)

    def load(self) -> Self:
        """Begins to load the models while no port is open yet; `start` opens it. A folder may still come into being."""
        if self._source is None:
            self._configure_logging()
            self.manager = manager_of(self.options, self._load_metrics)
            self._source = FileSystemSource(self.manager, poll_seconds=self.options.poll_seconds)
            allow = self.options.allow_version_labels_for_unavailable_models
            self.configuration = Configuration(self.manager, self._source, allow_labels_for_unavailable=allow)
            self.configuration.start(self.options.models)
        return self

    def reload(
        self,
        models: Sequence[ModelConfig],
        timeout: float | None = None,
        given_up: Callable[[], bool] = lambda: False,
    ) -> None:
        """Serves these models from now on: removed ones are let go, new ones awaited, for `timeout` seconds at most, or
        until the caller has given up.

        Raises what `Configuration.reload` raises.
        """
        self.configuration.reload([replace(model, path=model.path.absolute()) for model in models], timeout, given_up)

    def _configure_logging(self) -> None:
        if self.options.log_format is not None:
            configure_logging(self.options.log_format)

    @property
    def rest_port(self) -> int:
        """The port that is open; 0 before `start`, and where REST is off."""
        return self._listening_port

    @property
    def grpc_port(self) -> int:
        """The port that is open; 0 before `start`, and where gRPC has none."""
        return 0 if self._grpc is None else self._grpc.port

    @property
    def rest_url(self) -> str:
        """`http://HOST:PORT`, with an address that can be asked where the server listens on all."""
        return f"http://{self._host}:{self.rest_port}"

    @property
    def grpc_address(self) -> str:
        """`HOST:PORT`, likewise."""
        return f"{self._host}:{self.grpc_port}"

    @property
    def _host(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(self.options.host, self.options.host)
        return f"[{host}]" if ":" in host and not host.startswith("[") else host

    def wait_ready(self, timeout: float = 60.0) -> bool:
        """Waits until every model has an AVAILABLE version; whether it came to that within `timeout` seconds."""
        return self.manager.wait_ready(timeout)

    def wait_decided(self) -> bool:
        """`load`, then waits, for as long as it takes, until every model has a version that is AVAILABLE or failed.

        For the main thread: SIGTERM and SIGINT end the waiting; then everything is stopped and it returns False. Raises
        Unknown, in TensorFlow Serving's words, for models that failed.
        """
        decided: dict[str, VersionStatus] = {}
        with self._signals_handled():
            names = self.load().manager.models()
            while len(decided) < len(names) and not self._stop.is_set():
                decided = await_decided(self.manager, names, _LOOK, self._stop.is_set)
            if self._stop.is_set():
                self.stop()
                return False
        failed = failures(decided)
        if failed:
            raise Unknown(failure_text("servable", failed))
        return True

    def run(self) -> None:
        """Serves until SIGTERM or SIGINT, then finishes what runs; for the main thread.

        A second signal ends the process at once. Raises FailedPrecondition if calls were cut off at the end, or, with
        `strict`, if a model cannot be loaded.
        """
        keep_freed_memory()
        self.start()
        with self._signals_handled():
            failure = self._wait()
            self.stop()
        if failure is not None:
            raise FailedPrecondition(failure)

    def stop(self) -> None:
        """Answers what was sent, closes the ports, unloads the models. Raises FailedPrecondition for calls cut off."""
        if self._source is None or self._stopped:
            return
        self._stopped = self._draining = True
        self.configuration.close()
        seconds = self.options.drain_seconds
        if self._grpc is not None:
            self._grpc.drain(seconds)
        if self._http is not None:
            self._http.drain()
            self._thread.join()
            self._app.close()
        if self._grpc is not None:
            self._grpc.stop(seconds)
        self._source.close()
        self.manager.close()
        logger.info("stopped")
        unanswered = sum(one.unanswered for one in (self._http, self._grpc) if one is not None)
        if unanswered:
            raise FailedPrecondition(f"{unanswered} calls were cut off after {seconds:g} seconds")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _wait(self) -> str | None:
        """Until a signal, or a failure that a strict server does not bear."""
        settled = not self.options.strict
        while not self._stop.wait(None if settled else _LOOK):
            failure = _failed_model(self.manager)
            if failure is not None:
                return failure
            settled = self.manager.ready()
        return None

    @contextmanager
    def _signals_handled(self) -> Iterator[None]:
        handlers = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1
        if self._signals > 1:
            os._exit(128 + number)
        self._draining = True
        if self._grpc is not None:
            self._grpc.drain(self.options.drain_seconds)
        if self._http is not None:
            self._http.drain()
        self._stop.set()


def serve(*models: str | Path, **options: Any) -> Server:
    """Starts a server for models' folders, `models/dog` or `name=path`, and returns it; leave it by `with`, or `stop`.

    `options` are the fields of `ServerOptions`, such as `rest_port="auto"`. Raises what `Server.start` raises.
    """
    if not models:
        raise InvalidArgument("no model to serve: give the folder of one, such as models/dog")
    return Server(ServerOptions(models=[parse_model_argument(model) for model in models], **options)).start()


def _failed_model(manager: Manager) -> str | None:
    """Why a model has no version that could still become AVAILABLE."""
    for name, reason in manager.not_ready().items():
        states = [status.state for status in manager.versions(name)]
        if states and all(state is State.END for state in states):
            return f"{name} cannot be served: {reason}"
    return None
