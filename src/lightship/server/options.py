"""The options of a server and their defaults."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Literal

from lightship.batching.tensorflow_serving import BatchingParameters
from lightship.engines import EngineOptions
from lightship.engines.backends import check_engine
from lightship.engines.device import check_device
from lightship.engines.precision import check_precision_options
from lightship.errors import InvalidArgument, NotFound
from lightship.images.opening import MAX_PIXELS
from lightship.lifecycle.model_config import ModelConfig, fits_in_url, local_path
from lightship.saved_model.signatures import SERVE
from lightship.server.config.tls import SslConfigFile, TlsFiles
from lightship.store.cache import DEFAULT_MAX_BYTES
from lightship.store.stores import DEFAULT_POLL_SECONDS
from lightship.store.urls import is_url, model_name, redacted
from lightship.threads import MAX_WAIT_SECONDS
from lightship.transports.access_log.lines import LogFormat
from lightship.transports.grpc.options import GrpcOptions
from lightship.transports.http.limits import Limits, Timeouts
from lightship.transports.sockets import Port

MIN_MEMORY_BUDGET = 16 << 20  # bytes
MAX_WORKERS = 1024
_AT_LEAST_0 = (
    *("model_config_file_poll_seconds", "settle_seconds", "empty_folder_grace", "store_poll_seconds"),
    *("drain_seconds", "max_queue_seconds", "load_threads", "load_retries"),
)
# Seconds that threads wait for.
_WAITS = ("poll_seconds", "model_config_file_poll_seconds", "settle_seconds", "store_poll_seconds", "drain_seconds")
REST_PORT = 8501
GRPC_PORT = 8500


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What a server serves, on which addresses, and within which limits.

    Raises InvalidArgument for options that contradict each other or are out of range, and NotFound for a `reload_root`
    that is not a folder and for a `verify_models` that is not a file.

    `lightship.serve` takes the fields as parameters, but for those of commands; a test compares them.
    """

    # The models to serve when the server starts. Their names must differ.
    models: Sequence[ModelConfig]
    # The file with a ModelServerConfig that `models` were read from. SIGHUP reads it again, and so does the server each
    # time after `model_config_file_poll_seconds`, unless they are 0.
    model_config_file: str | None = None
    model_config_file_poll_seconds: float = 0.0
    # The files that the keys in `grpc` were read from. They are read again each minute and on SIGHUP, and new
    # connections have the new keys.
    tls_files: TlsFiles | SslConfigFile | None = None
    # The names of what was read for these options and cannot be read again, such as --batching_parameters_file. On
    # SIGHUP the log names them.
    read_once: Sequence[str] = ()
    # The folder below which a client may choose base paths with HandleReloadConfigRequest. None: no client may reload.
    # Path("/"): a client may serve any folder of this machine.
    reload_root: Path | None = None
    # The address to listen on. "0.0.0.0" means every IPv4 interface of the machine; "::" means IPv6 too.
    host: str = "127.0.0.1"
    # The TCP ports. Each is a number, "auto" for a free port, or 0 to turn the endpoint off.
    rest_port: Port = REST_PORT
    grpc_port: Port = 0
    # Further options of the gRPC endpoint.
    grpc: GrpcOptions = field(default_factory=GrpcOptions)
    # Serve only gRPC if the REST port cannot be opened, as TensorFlow Serving does.
    rest_may_fail: bool = False
    # Seconds between two scans of the model folders. 0 means a single scan at the start.
    poll_seconds: float = 1.0
    # A version is loaded when none of its files has changed for so many seconds, or for half as many as seen by the
    # server's own clock. None means 2, or LIGHTSHIP_SETTLE_SECONDS.
    settle_seconds: float | None = None
    # Seconds for which loaded versions are kept after the last version has gone from a model's folder.
    empty_folder_grace: float = 30.0
    # Seconds between two listings of an object store; 0: it is listed only until what was found first is here.
    store_poll_seconds: float = DEFAULT_POLL_SECONDS
    # The bytes that the local copies of all versions from object stores may have together, whoever made them.
    store_cache_bytes: int = DEFAULT_MAX_BYTES
    # The folder of these copies, which several servers may share. None: the folder `lightship/store` in the user's
    # cache folder.
    store_cache_dir: Path | None = None
    # Load versions in which links lead out of the model's folder.
    follow_links: bool = False
    # Load only versions that are signed, unchanged since, with the private key that belongs to this public key, or with
    # a certificate of this authority; a PEM file. None: signatures are not looked at. See docs/guides/signing.md.
    verify_models: Path | None = None
    # The limits on the size and number of REST requests, and on the number of connections, over REST and gRPC together.
    limits: Limits = field(default_factory=Limits)
    # The timeouts of REST connections.
    timeouts: Timeouts = field(default_factory=Timeouts)
    # The most bytes of memory that all requests may hold together: their bodies, decoded values, tensors, pixels and
    # answers. 0 means a quarter of the memory that this process may use, at least 256 MiB.
    memory_budget: int = 0
    # The most pixels (width times height) that a decoded image may have.
    max_pixels: int = MAX_PIXELS
    # Seconds that one REST request may take. 0 means no limit.
    timeout_seconds: float = 30.0
    # Seconds that a request may wait for a thread; one that would wait longer is refused with 503, or UNAVAILABLE over
    # gRPC. 0 means up to `timeout_seconds`, but under overload a quarter of the time that a request usually runs.
    max_queue_seconds: float = 0.0
    # Requests of one kind that run at once: small ones, large ones, images. The larger of this and `grpc.runs` counts.
    # 0 means two per processor.
    threads: int = 0
    # Further names in Host headers that REST requests may have; "*" means all names. If this is empty, names are
    # checked only where the server can be reached from its own machine alone; then localhost, 127.0.0.1, [::1] and
    # `host` are accepted.
    allowed_hosts: Sequence[str] = ()
    # Send CORS headers that let any web page read the responses of the REST API.
    cors: bool = False
    # Stop the server if a model cannot be loaded, or has none of the versions to serve at the start.
    strict: bool = False
    # Seconds that running requests may take after a signal to stop.
    drain_seconds: float = 30.0
    # The format of log lines. None leaves the logging configuration to the application.
    log_format: Literal["text", "json"] | None = None
    # Write one line for each request, as text or JSON. None: no access log.
    access_log: LogFormat | None = None
    # The file of the access log. None: standard output.
    access_log_file: Path | None = None
    # How the signatures of the models are run.
    engine: EngineOptions = field(default_factory=EngineOptions)
    # Versions that load at the same time. 0 means two.
    load_threads: int = 0
    # The number of further attempts to load a version, and the seconds between them. After these attempts,
    # loading is tried again after increasing pauses.
    load_retries: int = 0
    load_retry_seconds: float = 60.0
    # Let a reload assign a new label to a version that is not AVAILABLE.
    allow_version_labels_for_unavailable_models: bool = False
    # Refuse a request whose method differs from the method name of the signature.
    check_method_names: bool = False
    # Run requests that have arrived together, or that wait for the engine, as one batch where that costs less.
    join: bool = True
    # Run the requests of a version's warm-up file before the version becomes AVAILABLE. Each request runs
    # `warmup_iterations` times; 0 means once.
    enable_model_warmup: bool = True
    warmup_iterations: int = 0
    # The tags of the graph to serve. The graph's tags must be exactly these.
    saved_model_tags: tuple[str, ...] = SERVE
    # Batch calls as TensorFlow Serving does with --enable_batching. None: no such batching.
    batching: BatchingParameters | None = None
    # With `batching`: each version has its own parameters in its file `batching_params.pbtxt`, or is not batched.
    # `batching` then says only how many threads there are, and their name.
    per_model_batching: bool = False
    # How many processes answer calls; "auto" means one per processor. With more than one, the process of the server
    # leads them and answers none itself. See docs/guides/workers.md.
    workers: int | Literal["auto"] = 1
    # Answer with what TensorFlow Serving does not have and its clients would notice in an answer, such as headers that
    # help with an error. docs/design/compatibility.md names what belongs to it.
    extensions: bool = True
    # The folder with the photos of the game on the page /ui, which belongs to `extensions`. Their folders or files are
    # named after the labels. None: no game.
    quiz: Path | None = None
    # The path of an additional metrics page that has only TensorFlow Serving's metrics.
    metrics_path: str | None = None

    def __post_init__(self) -> None:
        twice = _second_of_a_name(self.models)
        if twice is not None:
            raise InvalidArgument(
                f'two models are called "{twice.name}": give one of them another name, as in other={quote(twice.place)}'
            )
        self._check_ports()
        self._check_sizes()
        if self.metrics_path is not None and (self.metrics_path + "/").lower().startswith("/v1/"):
            raise InvalidArgument(f"metrics_path={self.metrics_path}: /v1/ belongs to the API; give another path")
        self._check_files()
        self._check_quiz()
        if self.per_model_batching and self.batching is None:
            raise InvalidArgument(
                "per_model_batching is True, but batching is None: give batching=BatchingParameters() too"
            )
        self._check_numbers()
        self._check_access_log()
        check_device(self.engine.device, check_engine(self.engine.engine))
        check_precision_options(self.engine)
        _check_hosts(self.allowed_hosts)
        if isinstance(self.saved_model_tags, str):
            tags = self.saved_model_tags
            raise InvalidArgument(f"saved_model_tags={tags!r}: give a tuple of tags, such as ({tags!r},)")

    def _check_sizes(self) -> None:
        if self.max_pixels <= 0:
            raise InvalidArgument(f"max_pixels={self.max_pixels}: give a number that is more than 0")
        if self.memory_budget and self.memory_budget < MIN_MEMORY_BUDGET:
            raise InvalidArgument(
                f"memory_budget={self.memory_budget}: give a number of bytes that is at least {MIN_MEMORY_BUDGET} "
                "(16MiB), or 0 for a quarter of the memory"
            )
        if self.store_cache_bytes < 1:
            raise InvalidArgument(
                f"store_cache_bytes={self.store_cache_bytes}: give the bytes of all models, 1 or more"
            )

    def _check_files(self) -> None:
        if self.reload_root is not None and not os.path.isdir(self.reload_root):
            raise NotFound(
                f"reload_root={self.reload_root} is not a folder: give the folder below which clients may choose "
                "base paths, or / for any folder"
            )
        if self.verify_models is not None and not os.path.isfile(self.verify_models):
            raise NotFound(
                f"{self.verify_models} is not a file: models are verified with the public key in one, in PEM"
            )

    def _check_numbers(self) -> None:
        for option in _AT_LEAST_0:
            if not (getattr(self, option) or 0) >= 0:
                raise InvalidArgument(f"{option}={getattr(self, option):g}: give 0 or more")
        for option in _WAITS:
            if not (getattr(self, option) or 0) <= MAX_WAIT_SECONDS:
                raise InvalidArgument(f"{option}={getattr(self, option):g}: give at most {MAX_WAIT_SECONDS} seconds")
        if self.workers != "auto" and not (isinstance(self.workers, int) and 1 <= self.workers <= MAX_WORKERS):
            raise InvalidArgument(
                f"workers={self.workers}: give a number from 1 to {MAX_WORKERS}, or 'auto' for one per processor"
            )

    def _check_access_log(self) -> None:
        if self.access_log not in (None, "text", "json"):
            raise InvalidArgument(f"access_log={self.access_log!r}: give 'text', 'json', or None for no access log")
        if self.access_log_file is not None and self.access_log is None:
            raise InvalidArgument(
                f"access_log_file={self.access_log_file}, but access_log is None: give access_log='text' or 'json' too"
            )

    def _check_quiz(self) -> None:
        if self.quiz is not None and not os.path.isdir(self.quiz):
            raise NotFound(
                f"{self.quiz} is not a folder: give the quiz one with photos in folders named after their labels"
            )
        if self.quiz is not None and self.rest_port == 0:
            raise InvalidArgument(f"quiz={self.quiz} is a game over REST, but rest_port=0 turns REST off: give a port")

    def _check_ports(self) -> None:
        for name, port in (("rest_port", self.rest_port), ("grpc_port", self.grpc_port)):
            if port != "auto" and not (isinstance(port, int) and 0 <= port < 65536):
                raise InvalidArgument(
                    f"{name}={port}: give a number from 1 to 65535, 'auto' for a free one, or 0 for off"
                )
        if self.rest_port == 0 and self.grpc_port == 0 and not self.grpc.socket_path:
            raise InvalidArgument("rest_port=0 turns REST off, and nothing else is on: give a port, or 'auto'")
        if self.rest_port == self.grpc_port and self.rest_port not in (0, "auto"):
            raise InvalidArgument(f"rest_port={self.rest_port} is grpc_port too: give them two ports")
        if self.grpc.tls is not None and self.grpc_port == 0 and not self.grpc.socket_path:
            raise InvalidArgument(
                "TLS is for gRPC, but grpc_port=0 turns gRPC off: give a port. REST has no TLS, which a proxy can add"
            )


def _second_of_a_name(models: Sequence[ModelConfig]) -> ModelConfig | None:
    seen: set[str] = set()
    for model in models:
        if model.name in seen:
            return model
        seen.add(model.name)
    return None


def _check_hosts(names: Sequence[str]) -> None:
    if isinstance(names, str):
        raise InvalidArgument(f"allowed_hosts={names!r}: give a list of names, such as [{names!r}]")
    for name in names:
        if not name.strip() or set(name) & set(" /@"):
            raise InvalidArgument(
                f"allowed_hosts: {name!r} is not a host's name: give one such as models.example, or *"
            )


def parse_model_argument(text: str | Path) -> ModelConfig:
    """Parses a model argument: either `models/dog`, which is served under the folder's name, or `name=path`.

    The path may also be a URL such as file:///models/dog or s3://bucket/models/dog. Raises InvalidArgument for an empty
    name or path, and for a name that is `.` or `..` or contains a slash or a colon, because such a name cannot be part
    of a request's URL; and the errors of `ModelConfig.at`.
    """
    name, equals, path = str(text).partition("=")
    if not equals or is_url(str(text)):
        path = str(text)
        name = model_name(path) if is_url(path) else local_path(path).resolve().name
    if not path or not fits_in_url(name):
        raise InvalidArgument(
            f'"{redacted(str(text))}" names no model: give a folder such as models/dog, or name=path with a name that '
            "is not . or .. and has none of / : ="
        )
    return ModelConfig.at(name, path)
