"""Every option of a server, with its default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lightship.engines import EngineOptions
from lightship.errors import InvalidArgument
from lightship.images.decode import MAX_PIXELS
from lightship.lifecycle.model_config import ModelConfig, local_path
from lightship.saved_model.signatures import SERVE
from lightship.transports.grpc.options import GrpcOptions
from lightship.transports.http.limits import Limits, Timeouts
from lightship.transports.sockets import Port

REST_PORT = 8501
GRPC_PORT = 8500


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What a server serves, where, and within which limits. Raises InvalidArgument for options that contradict each
    other or are out of range."""

    models: Sequence[ModelConfig]
    # The address to listen on. Every interface of the machine is "0.0.0.0", or "::" with IPv6.
    host: str = "127.0.0.1"
    # A port is a number, "auto" for a free one, or 0 for off.
    rest_port: Port = REST_PORT
    grpc_port: Port = 0
    grpc: GrpcOptions = field(default_factory=GrpcOptions)
    # Serve gRPC alone where the REST port cannot be opened, as TensorFlow Serving does.
    rest_may_fail: bool = False
    # Seconds between two looks at the model folders; 0 looks once.
    poll_seconds: float = 1.0
    # Of requests and connections over REST.
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    # Width times height of the largest image that is decoded.
    max_pixels: int = MAX_PIXELS
    # Seconds for one call over REST; 0 for no limit.
    timeout_seconds: float = 30.0
    # Threads that run REST calls; 0 for two a core.
    threads: int = 0
    # Let any web page read the responses of the REST API.
    cors: bool = False
    # End the server if a model cannot be loaded.
    strict: bool = False
    # Seconds that running calls may take after a signal.
    drain_seconds: float = 30.0
    # How log lines are written; None leaves logging to the application.
    log_format: Literal["text", "json"] | None = None
    engine: EngineOptions = field(default_factory=EngineOptions)
    # Versions that load at once; 0 for two.
    load_threads: int = 0
    # Further attempts to load a version, and the seconds between them; afterwards it is tried with growing pauses.
    load_retries: int = 0
    load_retry_seconds: float = 60.0
    # Let a reload give a new label to a version that is not AVAILABLE.
    allow_version_labels_for_unavailable_models: bool = False
    # Refuse a call whose method is not the one that the signature names.
    check_method_names: bool = False
    # Make the calls of a version's warm-up file before it answers, each this many times; 0 for once.
    enable_model_warmup: bool = True
    warmup_iterations: int = 0
    # The tags of the graph to serve; exactly these.
    saved_model_tags: tuple[str, ...] = SERVE
    # Do not load a version whose `batching_params.pbtxt` is wrong.
    check_batching_files: bool = False
    # The path of a page with TensorFlow Serving's metrics alone.
    metrics_path: str | None = None

    def __post_init__(self) -> None:
        names = [model.name for model in self.models]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InvalidArgument(f'two models are called "{twice}": name one of them, as in other={twice}')
        self._check_ports()
        if self.max_pixels <= 0:
            raise InvalidArgument(f"max_pixels={self.max_pixels}: give a number that is more than 0")
        if self.metrics_path is not None and (self.metrics_path + "/").lower().startswith("/v1/"):
            raise InvalidArgument(f"metrics_path={self.metrics_path}: /v1/ belongs to the API; give another path")
        if self.drain_seconds < 0:
            raise InvalidArgument(f"drain_seconds={self.drain_seconds:g}: it must not be negative")
        for option in ("load_threads", "load_retries"):
            if getattr(self, option) < 0:
                raise InvalidArgument(f"{option}={getattr(self, option)}: it must not be negative")

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


def parse_model_argument(text: str | Path) -> ModelConfig:
    """`models/dog`, served under the folder's name, or `name=path`; a path may be written as file:///models/dog.

    Raises InvalidArgument for an empty name or path, or a name with a slash or colon, which no URL could hold.
    """
    name, equals, path = str(text).partition("=")
    if not equals:
        path = str(text)
        name = local_path(path).resolve().name
    if not path or not name or set(name) & set("/:"):
        raise InvalidArgument(f'"{text}" names no model: give a folder such as models/dog, or name=path')
    return ModelConfig(name, local_path(path))
