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
from lightship.transports.http.limits import IMAGE_BYTES, JSON_BYTES
from lightship.transports.sockets import Port

REST_PORT = 8501
GRPC_PORT = 8500


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What a server serves, where, and within which limits.

    A port is a number, "auto" for a free one, or 0 for off. `poll_seconds`: how often folders are looked at; 0: once.
    `timeout_seconds`: for one call; 0 for none. `cors`: whether any web page may read
    the answers. `strict`: a model that cannot be loaded ends the server.
    `drain_seconds`: what runs may take so long after a signal. `log_format`: None leaves logging to the application.
    `load_threads`: how many versions load at once; 0 for two. `load_retries`: further attempts, `load_retry_seconds`
    apart, before a version that cannot be loaded ends; after that it is tried again with growing pauses.
    `allow_version_labels_for_unavailable_models`: a reload may give a new label to a version that is not AVAILABLE.
    `check_method_names`: a call whose method is not the one that the signature names is refused.
    `enable_model_warmup`: the calls of a version's warm-up file are made before it answers, each `warmup_iterations`
    times; 0 for once.
    `saved_model_tags`: of the graph that is served, exactly these. `check_batching_files`: a version whose
    `batching_params.pbtxt` is wrong is not loaded. `metrics_path`: of a page with TensorFlow Serving's metrics alone.
    Raises InvalidArgument for options that cannot be.
    """

    models: Sequence[ModelConfig]
    host: str = "127.0.0.1"
    rest_port: Port = REST_PORT
    grpc_port: Port = 0
    grpc: GrpcOptions = field(default_factory=GrpcOptions)
    rest_may_fail: bool = False
    poll_seconds: float = 1.0
    max_image_bytes: int = IMAGE_BYTES
    max_json_bytes: int = JSON_BYTES
    max_pixels: int = MAX_PIXELS
    timeout_seconds: float = 30.0
    threads: int = 0
    cors: bool = False
    strict: bool = False
    drain_seconds: float = 30.0
    log_format: Literal["text", "json"] | None = None
    engine: EngineOptions = field(default_factory=EngineOptions)
    load_threads: int = 0
    load_retries: int = 0
    load_retry_seconds: float = 60.0
    allow_version_labels_for_unavailable_models: bool = False
    check_method_names: bool = False
    enable_model_warmup: bool = True
    warmup_iterations: int = 0
    saved_model_tags: tuple[str, ...] = SERVE
    check_batching_files: bool = False
    metrics_path: str | None = None

    def __post_init__(self) -> None:
        names = [model.name for model in self.models]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InvalidArgument(f'two models are called "{twice}": name one of them, as in other={twice}')
        self._check_ports()
        for option in ("max_image_bytes", "max_json_bytes", "max_pixels"):
            if getattr(self, option) <= 0:
                raise InvalidArgument(f"{option}={getattr(self, option)}: it must be more than 0")
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
