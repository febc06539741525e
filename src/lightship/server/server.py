"""The server: creates the manager and the endpoints, starts them, and stops them without losing requests."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from lightship.errors import FailedPrecondition, InvalidArgument, Unknown
from lightship.lifecycle.availability import failure_text, failures, wait_until_settled
from lightship.lifecycle.configuration import Configuration
from lightship.lifecycle.manager import Manager
from lightship.lifecycle.model_config import ModelConfig
from lightship.lifecycle.settling import default_settle_seconds
from lightship.lifecycle.source import FileSystemSource
from lightship.lifecycle.state import ModelVersionStatus, State
from lightship.lifecycle.stored import StoredModels
from lightship.memory import LongLived, keep_freed_memory
from lightship.server.assembly import manager_of, store_options
from lightship.server.config.expiry import CertificateWarnings
from lightship.server.config.files import ConfigFilePoll
from lightship.server.config.reread import Reread, Rereadable
from lightship.server.config.tls import poll_tls
from lightship.server.ending import abandon_runs
from lightship.server.endpoints import Endpoints, Sockets
from lightship.server.folders import check_folder
from lightship.server.listening import Listening
from lightship.server.loading import Loading
from lightship.server.logs import configure_logging
from lightship.server.options import ServerOptions
from lightship.server.readiness import Readiness
from lightship.server.received import ReceivedSignals
from lightship.server.rereading import Rereading
from lightship.server.unfinished import Unfinished
from lightship.server.views import ServerView, model_states, server_html, server_text
from lightship.signals import STOP_SIGNALS
from lightship.transports.grpc.options import Tls

if TYPE_CHECKING:
    from lightship.server.workers.endpoints import WorkerEndpoints
    from lightship.server.workers.supervisor import Supervisor

logger = logging.getLogger(__name__)

_ENDING = 0.2  # seconds, when the time to drain is over, for each part of the server to end
_LOADS = 2.0  # seconds for loads to notice that they are cancelled; nobody waits for them
_LOOK = 0.2  # seconds between two checks of whether to keep waiting


class Server:
    """Serves models until it is stopped.

    It is a context manager for use inside a program. `run` is for a process that does nothing else.
    """

    manager: Manager
    configuration: Configuration

    def __init__(self, options: ServerOptions, config: Rereadable | None = None) -> None:
        """config: the configuration that the options were read from, if `reread` and SIGHUP are to read it again."""
        if config is not None and options.model_config_file is not None:
            raise InvalidArgument(
                f"model_config_file={options.model_config_file} and {config.path} both name models: give one of them"
            )
        self.options, self._config = options, config
        self._stopped = False
        self._abandoned = False  # models were still in use or loading when the server had stopped
        self._signals = ReceivedSignals()
        self._listening: Listening | None = None
        self._endpoints: Endpoints | WorkerEndpoints | None = None
        self._supervisor = _supervisor_of(options)
        self._source: FileSystemSource | None = None
        self._stored: StoredModels | None = None
        self._config_file: ConfigFilePoll[Any] | None = None
        self._tls_files: ConfigFilePoll[Tls] | None = None
        self._loading = Loading(options)  # with workers, each of them has its own, and this one is not used

    def start(self) -> Self:
        """Opens the ports, starts to load the models and returns. Call `wait_ready` to wait for the models.

        Raises AlreadyExists if a port is in use, NotFound if a folder does not exist, and InvalidArgument for invalid
        TLS keys and for an access log that cannot be written. Raises FailedPrecondition after `stop`.
        """
        self._refuse_stopped()
        if self._endpoints is not None:
            return self
        if self._source is None:
            self._configure_logging()
            for model in self.options.models:
                check_folder(model, strict=self.options.strict)
        listening, endpoints = Listening(self.options), None
        try:
            endpoints = self._endpoints_on(listening)
            self.load()
            self._config_file = self._poll_config_file()
            endpoints.start(self.manager, self._reload)
        except BaseException:
            if endpoints is not None:
                endpoints.stop()
            listening.close()
            raise
        self._listening, self._endpoints = listening, endpoints
        self._tls_files = self._poll_tls_files(endpoints)
        listening.log_addresses()
        return self

    def load(self) -> Self:
        """Starts to load the models without opening a port; `start` opens the ports later.

        A model's folder need not exist yet. Raises FailedPrecondition after `stop`.
        """
        self._refuse_stopped()
        if self._source is None:
            self._configure_logging()
            settle_seconds = self.options.settle_seconds
            if settle_seconds is None:
                settle_seconds = default_settle_seconds()  # raises before anything is started
            stored = StoredModels(store_options(self.options, settle_seconds), lambda name: self.manager.folders(name))
            self.manager = self._make_manager(stored)
            self._source = FileSystemSource(
                self.manager,
                self.options.poll_seconds,
                settle_seconds=settle_seconds,
                empty_folder_grace=self.options.empty_folder_grace,
                stored=stored,
            )
            self._stored = stored
            allow = self.options.allow_version_labels_for_unavailable_models
            self.configuration = Configuration(self.manager, self._source, allow_labels_for_unavailable=allow)
            self.configuration.start(self.options.models)
        return self

    def reload(
        self,
        models: Sequence[ModelConfig],
        timeout: float | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Serves these models from now on: unloads models that are not listed and waits until new models are loaded.

        Waits until `timeout` seconds have passed, or until `cancelled` returns True. None means no timeout. Raises the
        errors of `Configuration.reload`, and FailedPrecondition before `start`.
        """
        self._require_started()
        try:
            self.configuration.reload(
                [replace(model, path=model.path.absolute()) for model in models], timeout, cancelled
            )
        finally:
            self._tell_workers()

    def _reload(self, models: Sequence[ModelConfig], cancelled: Callable[[], bool]) -> None:
        self.reload(models, None, cancelled)

    def reread(self) -> None:
        """Reads the configuration, or `model_config_file`, again and looks for versions in the models' folders.

        This does not wait for either.

        The TLS keys of `tls_files` are read again too, and the file of the access log is opened anew, for tools that
        have renamed it.

        `run` does this on SIGHUP. A file that cannot be applied changes nothing, and the log says why.
        """
        source = self._require_started()
        Rereading(source, self._config_file, self._tls_files, self.options.read_once).start()
        if self._endpoints is not None:
            self._endpoints.reopen_log()

    def _tell_workers(self) -> None:
        """Waits until every worker knows what this process knows of the models. Then all clients learn the same."""
        if self._supervisor is not None:
            self._supervisor.tell()

    def _make_manager(self, stored: StoredModels) -> Manager:
        if self._supervisor is None:
            return manager_of(self.options, stored.load(self._loading.load))
        fleet = self._supervisor.fleet
        manager = manager_of(self.options, stored.load(fleet.load), fleet.publish)
        self._supervisor.start(manager)
        return manager

    def _endpoints_on(self, listening: Listening) -> Endpoints | WorkerEndpoints:
        if self._supervisor is None:
            return Endpoints(self.options, Sockets(listening.rest, listening.grpc), self._loading)
        from lightship.server.workers.endpoints import WorkerEndpoints

        return WorkerEndpoints(self.options, listening, self._supervisor)

    def _poll_config_file(self) -> ConfigFilePoll[Any] | None:
        if self._config is not None:
            config, served = self._config, self.manager.models
            reread = ConfigFilePoll(
                config.path, 0, self._apply_reread, served, read=config.read, outcome=config.outcome
            )
            reread.start()
            return reread
        if self.options.model_config_file is None:
            return None
        seconds = self.options.model_config_file_poll_seconds
        poll = ConfigFilePoll(self.options.model_config_file, seconds, self.configuration.apply, self.manager.models)
        poll.start()
        return poll

    def _poll_tls_files(self, endpoints: Endpoints | WorkerEndpoints) -> ConfigFilePoll[Tls] | None:
        files, tls = self.options.tls_files, self.options.grpc.tls
        if not (self.options.grpc_port or self.options.grpc.socket_path):
            return None
        if files is None:
            if tls is not None:
                CertificateWarnings("given in Python").check(tls)
            return None
        poll = poll_tls(files, tls, endpoints.renew_tls)
        poll.start()
        return poll

    def _apply_reread(self, reread: Reread) -> None:
        if reread.models is not None:
            self.configuration.apply(reread.models, labels_wait=True)
        assert self._source is not None
        self._source.change(reread.poll_seconds, reread.empty_folder_grace)
        self.options = replace(
            self.options, poll_seconds=reread.poll_seconds, empty_folder_grace=reread.empty_folder_grace
        )
        for note in reread.notes:
            logger.warning("%s", note)

    def _refuse_stopped(self) -> None:
        if self._stopped:
            raise FailedPrecondition("the server was stopped, and a server starts only once: make another one")

    def _require_started(self) -> FileSystemSource:
        if self._source is None:
            raise FailedPrecondition("the server has not been started, so it has no models yet: call start()")
        return self._source

    def _configure_logging(self) -> None:
        if self.options.log_format is not None:
            configure_logging(self.options.log_format)

    @property
    def rest_port(self) -> int:
        """The port that is open, or 0 before `start` and if REST is off."""
        return 0 if self._listening is None else self._listening.rest_port

    @property
    def grpc_port(self) -> int:
        """The port that is open, or 0 before `start` and if gRPC has no TCP port."""
        return 0 if self._listening is None else self._listening.grpc_port

    @property
    def rest_url(self) -> str:
        """`http://HOST:PORT`, or "" before `start`.

        If the server listens on every interface, HOST is the loopback address.
        """
        return "" if self._listening is None else self._listening.rest_url

    @property
    def grpc_address(self) -> str:
        """`HOST:PORT`, or "" before `start`.

        If the server listens on every interface, HOST is the loopback address.
        """
        return "" if self._listening is None else self._listening.grpc_address

    def wait_ready(self, timeout: float = 60.0) -> bool:
        """Waits until every model has an AVAILABLE version. Returns False if that takes more than `timeout` seconds.

        Raises FailedPrecondition before `start`.
        """
        self._require_started()
        ready = self.manager.wait_ready(timeout)
        self._tell_workers()
        return ready

    def require_ready(self, timeout: float | None = None) -> None:
        """Waits until every model answers. Must be called after `start`.

        Raises FailedPrecondition with the reasons if a model cannot be loaded or its folder has no version, and
        DeadlineExceeded after `timeout` seconds. None means no timeout. The server goes on in either case. Raises
        FailedPrecondition too before `start` and after `stop`.
        """
        self._refuse_stopped()
        source = self._require_started()
        folders = {model.name: model.path for model in self.options.models if model.store is None}
        Readiness(self.manager, source, folders, self._why_not_serving).require(timeout)
        self._tell_workers()

    def has_looked(self) -> bool:
        """Returns whether each model has a version, or it is known why not: an object store may not have answered yet.

        Must be called after `load`.
        """
        known = self._source.explanations() if self._source is not None else {}
        return all(name in known or self.manager.versions(name) for name in self.manager.not_ready())

    def wait_decided(self) -> bool:
        """Calls `load`, then waits without a timeout until every model has a version that is AVAILABLE or failed.

        Must be called in the main thread. SIGTERM and SIGINT end the wait; the server is then stopped and this returns
        False. Raises Unknown, with TensorFlow Serving's message, if a model failed.
        """
        settled: dict[str, ModelVersionStatus] = {}
        with self._signals_handled():
            names = self.load().manager.models()
            while len(settled) < len(names) and not self._signals.stopping:
                settled = wait_until_settled(self.manager, names, _LOOK, lambda: self._signals.stopping)
            if self._signals.stopping:
                self.stop()
                return False
        failed = failures(settled)
        if failed:
            raise Unknown(failure_text("servable", failed))
        return True

    def handle_signals(self) -> None:
        """Handles signals from now on until the process ends, for a program that does nothing but call `run`.

        A signal that comes before `run` is handled by `run`. Must be called in the main thread.
        """
        self._signals.handle()

    def run(self) -> None:
        """Serves until SIGTERM or SIGINT, then finishes the running requests. Must be called in the main thread.

        SIGHUP reads the configuration again. A second SIGTERM or SIGINT ends the process at once. Raises
        FailedPrecondition if requests were cut off at the end and, with `strict`, if a model cannot be loaded.
        """
        keep_freed_memory()
        with self._signals_handled():
            try:
                self.start()
                if self._supervisor is not None:
                    self._supervisor.reap_orphans()
                long_lived = LongLived()
                self.manager.on_turnover = long_lived.changed
                long_lived.changed()
                failure = self._wait()
            finally:
                self.stop_for_exit()
        if failure is not None:
            raise FailedPrecondition(failure)

    def stop(self) -> None:
        """Finishes the running requests, closes the ports and unloads the models.

        Raises FailedPrecondition if requests were cut off because they exceeded `drain_seconds`.
        """
        if self._source is None or self._stopped:
            return
        self._stopped = True
        end = time.monotonic() + self.options.drain_seconds if self._endpoints is not None else None
        if self._endpoints is not None:
            self._endpoints.drain()
        self.configuration.close()
        for file in (self._config_file, self._tls_files):
            if file is not None:
                file.close()
        unfinished = self._endpoints.stop() if self._endpoints is not None else Unfinished()
        if self._listening is not None:
            self._listening.close()
        if self._supervisor is not None:
            self._supervisor.close()
        # Handles that are still held belong to calls that were cut off. Without endpoints, nothing was called.
        left = _ENDING if end is None or unfinished else max(_ENDING, end - time.monotonic())
        self._source.close(_ENDING)
        self._abandoned = not self.manager.close(left, loads=_LOADS)
        if self._stored is not None:
            self._stored.close()
        self._loading.close()
        logger.info("stopped")
        if unfinished:
            raise FailedPrecondition(unfinished.text(self.options.drain_seconds))

    def stop_for_exit(self) -> None:
        """Stops like `stop`, also after `load` alone or a failed `start`, before the process ends.

        Threads that load or run a model must have ended by then, because the process may crash otherwise. If they do
        not, `exit_if_abandoned` ends it without cleaning up.
        """
        try:
            self.stop()
        finally:
            if self._abandoned:
                abandon_runs()

    def __repr__(self) -> str:
        return server_text(self._shown())

    def _repr_html_(self) -> str:
        return server_html(self._shown())

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _shown(self) -> ServerView:
        if self._endpoints is None or self._stopped:
            state = "stopped" if self._stopped else "not started"
            return ServerView(state, (), {model.name: "" for model in self.options.models})
        grpc, socket = self.grpc_address if self.grpc_port else "", self.options.grpc.socket_path
        addresses = (
            self.rest_url if self.rest_port else "",
            f"grpc://{grpc}" if grpc else "",
            f"grpc+unix://{socket}" if socket else "",
        )
        return ServerView("", tuple(filter(None, addresses)), model_states(self.manager))

    def _wait(self) -> str | None:
        """Waits for a signal to stop, or with `strict` for a model that cannot be loaded.

        Returns the text of that failure.
        """
        settled = not self.options.strict and self._supervisor is None
        while True:
            number = self._signals.next(None if settled else _LOOK)
            if number in STOP_SIGNALS:
                return None
            if number is not None:
                self.reread()
            failure = self._failure() or (None if settled else self._empty_model())
            if failure is not None:
                return failure
            settled = settled or self.manager.ready()

    def _failure(self) -> str | None:
        """Returns why the server cannot serve and has to stop, or None if it can."""
        failure = self._supervisor_failure()
        if failure is not None:
            return failure
        return _failed_model(self.manager) if self.options.strict else None

    def _empty_model(self) -> str | None:
        """Returns, with `strict`, which model of the start has none of its versions in its folder or store."""
        if not self.options.strict or self._source is None:
            return None
        started, waiting = {model.name for model in self.options.models}, self.manager.not_ready()
        for name, reason in self._source.empty().items():
            if name in started and name in waiting and not self.manager.versions(name):
                return f"{name} cannot be served: {reason}"
        return None

    def _why_not_serving(self) -> str | None:
        return "the server was stopped" if self._stopped else self._supervisor_failure()

    def _supervisor_failure(self) -> str | None:
        return None if self._supervisor is None else self._supervisor.failure

    @contextmanager
    def _signals_handled(self) -> Iterator[None]:
        installed = self._signals.handle()
        try:
            yield
        finally:
            if installed:
                self._signals.restore()


def _supervisor_of(options: ServerOptions) -> Supervisor | None:
    """Returns the supervisor of the workers, or None if this process answers itself.

    Raises InvalidArgument if this system does not support workers.
    """
    if options.workers == 1:
        return None
    from lightship.server.workers.shares import worker_count
    from lightship.server.workers.supervisor import Supervisor

    workers = worker_count(options)
    return Supervisor(options, workers) if workers > 1 else None


def _failed_model(manager: Manager) -> str | None:
    """Returns why a model cannot become AVAILABLE any more, or None if every model still can."""
    for name, reason in manager.not_ready().items():
        states = [status.state for status in manager.versions(name)]
        if states and all(state is State.END for state in states):
            return f"{name} cannot be served: {reason}"
    return None
