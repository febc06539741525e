"""Starts the server of `lightship-model-server`, which opens its ports after it has loaded all models."""

from __future__ import annotations

import logging
import re
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from lightship.cli.flags import Value
from lightship.errors import InvalidArgument, LightshipError

if TYPE_CHECKING:
    from lightship.lifecycle.model_config import ModelConfig
    from lightship.server import BatchingParameters, Server, ServerOptions
    from lightship.transports.access_log.lines import LogFormat
    from lightship.transports.grpc.options import GrpcOptions, Tls

logger = logging.getLogger(__name__)

# Files that are checked although they have no effect: the flag of each, and the type of its message.
_CHECKED = {
    "tensorflow_session_config_file": "tensorflow.ConfigProto",
    "platform_config_file": "tensorflow.serving.PlatformConfigMap",
    "thread_pool_factory_config_file": "tensorflow.serving.ThreadPoolFactoryConfig",
}

# Files that SIGHUP does not read again.
_READ_ONCE = (*_CHECKED, "batching_parameters_file", "monitoring_config_file")


class ConfigFiles(NamedTuple):
    """The content of the files that flags name."""

    models: list[ModelConfig]
    # The path of the page for Prometheus.
    metrics_path: str | None
    # The keys and certificates of gRPC.
    tls: Tls | None
    # How calls are batched. None: they are not.
    batching: BatchingParameters | None


def read_config_files(flags: Mapping[str, Value]) -> ConfigFiles:
    """Reads every file that a flag names.

    Raises the errors of `read_config_file`, `read_models` and `read_batching_parameters`.
    """
    from lightship.server.config.files import check_config_file
    from lightship.server.config.monitoring import read_metrics_path
    from lightship.server.config.tls import read_ssl_config

    models = _models(flags)
    for flag, kind in _CHECKED.items():
        if flags[flag]:
            check_config_file(str(flags[flag]), kind)
    batching = _batching(flags)
    path = read_metrics_path(str(flags["monitoring_config_file"])) if flags["monitoring_config_file"] else None
    tls = read_ssl_config(str(flags["ssl_config_file"])) if flags["ssl_config_file"] else None
    return ConfigFiles(models, path, tls, batching)


def start_server(given: Mapping[str, Value], flags: Mapping[str, Value], files: ConfigFiles) -> Server:
    """Loads the models and opens the ports. Waits without a limit for folders that do not exist yet.

    given: the flags on the command line. flags: all flags, with their defaults. A signal while waiting ends the
    process. Raises Unknown, with TensorFlow Serving's text, if a model's first version cannot be loaded, and
    InvalidArgument if the gRPC server cannot start. A REST server that cannot start is only logged.
    """
    from lightship.memory import resume_collections
    from lightship.server import Server
    from lightship.server.open_files import raise_file_limit
    from lightship.server.temporary_files import ensure_temporary_folder

    raise_file_limit()
    ensure_temporary_folder()
    server = Server(_options(given, flags, files))
    resume_collections()
    server.handle_signals()
    try:
        _start(server)
    except BaseException:
        server.stop_for_exit()
        raise
    _log_addresses(server, flags)
    return server


def _start(server: Server) -> None:
    if not server.wait_decided():
        sys.exit(0)
    try:
        server.start()
    except LightshipError as error:
        logger.error("%s", _in_flags(error.message))
        raise InvalidArgument("Failed to BuildAndStart gRPC server") from None


def _in_flags(message: str) -> str:
    """Returns an error about a port with the flag of this command, which knows no port "auto"."""
    return re.sub(r"\bgrpc_port(, or 'auto')?", "--port", message)


def _log_addresses(server: Server, flags: Mapping[str, Value]) -> None:
    """Logs the addresses in TensorFlow Serving's words, because scripts wait for these lines."""
    if server.grpc_port:
        logger.info("Running gRPC ModelServer at 0.0.0.0:%d ...", server.grpc_port)
    if flags["grpc_socket_path"]:
        logger.info("Running gRPC ModelServer at UNIX socket %s ...", flags["grpc_socket_path"])
    if server.rest_port:
        logger.info("Exporting HTTP/REST API at:localhost:%d ...", server.rest_port)
    elif flags["rest_api_port"] and flags["rest_api_port"] == flags["port"]:
        logger.error("--rest_api_port and --port are both %d, so REST is off: give REST another port", flags["port"])
    elif flags["rest_api_port"]:
        logger.error("REST is off, and only gRPC is served: choose another port with --rest_api_port")


def _models(flags: Mapping[str, Value]) -> list[ModelConfig]:
    from lightship.lifecycle.model_config import ModelConfig, check_model_list
    from lightship.server.config.files import read_models

    if flags["model_config_file"]:
        return read_models(str(flags["model_config_file"])) or []
    name, path = str(flags["model_name"]), str(flags["model_base_path"])
    check_model_list([(name, path)])
    return [ModelConfig.at(name, path)]


def _batching(flags: Mapping[str, Value]) -> BatchingParameters | None:
    from lightship.server.config.batching import WITHOUT_FILE, read_batching_parameters

    if not flags["enable_batching"]:
        return None
    file = str(flags["batching_parameters_file"])
    return read_batching_parameters(file) if file else WITHOUT_FILE


def _options(given: Mapping[str, Value], flags: Mapping[str, Value], files: ConfigFiles) -> ServerOptions:
    from lightship.cli.engine_environment import engine_options_from_environment
    from lightship.cli.model_server_precision import precision_options
    from lightship.cli.sizes import parse_bytes
    from lightship.cli.workers import parse_workers
    from lightship.engines import EngineOptions
    from lightship.server import ServerOptions
    from lightship.server.config.tls import SslConfigFile

    cores = max(int(flags["tensorflow_session_parallelism"]), int(flags["tensorflow_intra_op_parallelism"]), 0)
    return ServerOptions(
        models=files.models,
        model_config_file=str(flags["model_config_file"]) or None,
        model_config_file_poll_seconds=max(0, int(flags["model_config_file_poll_wait_seconds"])),
        read_once=[f"--{flag}" for flag in _READ_ONCE if flags[flag]],
        reload_root=_reload_root(str(flags["reload_root"])),
        host=_any_address(),
        rest_port=0 if flags["rest_api_port"] == flags["port"] else int(flags["rest_api_port"]),
        rest_may_fail=True,
        grpc_port=int(flags["port"]),
        grpc=_grpc_options(given, flags, files),
        tls_files=SslConfigFile(str(flags["ssl_config_file"])) if flags["ssl_config_file"] else None,
        poll_seconds=int(flags["file_system_poll_wait_seconds"]),
        empty_folder_grace=0,
        store_poll_seconds=max(0, int(flags["store_poll_seconds"])),
        store_cache_bytes=parse_bytes(str(flags["store_cache_bytes"]), "--store_cache_bytes"),
        store_cache_dir=Path(str(flags["store_cache_dir"])) if flags["store_cache_dir"] else None,
        follow_links=True,
        verify_models=Path(str(flags["verify_models"])) if flags["verify_models"] else None,
        memory_budget=_memory_budget(str(flags["memory_budget"])),
        join=bool(flags["join"]),
        timeout_seconds=max(0, int(flags["rest_api_timeout_in_ms"])) / 1000,
        threads=max(0, int(given.get("rest_api_num_threads", 0))),
        cors=bool(flags["rest_api_enable_cors_support"]),
        log_format="text",
        access_log=_access_log(str(flags["access_log"])),
        access_log_file=_access_log_file(flags),
        engine=engine_options_from_environment(
            EngineOptions(
                threads=cores,
                **precision_options(flags),
                prefer_tflite=bool(flags["prefer_tflite_model"]),
                tflite_interpreters=_interpreters(given, flags),
                device=str(flags["device"]),
                gpu_memory=parse_bytes(str(flags["gpu_memory"]), "--gpu_memory") if flags["gpu_memory"] else 0,
                tuned=bool(flags["tuned"] and not flags["precision"] and not flags["mixed_precision"]),
            )
        ),
        load_threads=max(0, int(flags["num_load_threads"])),
        load_retries=max(0, int(flags["max_num_load_retries"])),
        load_retry_seconds=max(0, int(flags["load_retry_interval_micros"])) / 1_000_000,
        allow_version_labels_for_unavailable_models=bool(flags["allow_version_labels_for_unavailable_models"]),
        check_method_names=bool(flags["enable_signature_method_name_check"]),
        enable_model_warmup=bool(flags["enable_model_warmup"]),
        warmup_iterations=max(0, int(flags["num_request_iterations_for_warmup"])),
        saved_model_tags=tuple(tag for tag in str(flags["saved_model_tags"]).split(",") if tag),
        batching=files.batching,
        per_model_batching=bool(flags["enable_batching"] and flags["enable_per_model_batching_parameters"]),
        metrics_path=files.metrics_path,
        workers=parse_workers(str(flags["workers"]), "--workers"),
        extensions=bool(flags["extensions"]),
    )


def _interpreters(given: Mapping[str, Value], flags: Mapping[str, Value]) -> int:
    """Returns how many interpreters of a model.tflite run at the same time; 0, one per processor, if no flag says it.

    Raises InvalidArgument for flags that are less than 1.
    """
    names = ("num_tflite_pools", "num_tflite_interpreters_per_pool")
    if not given.keys() & set(names):
        return 0  # a number would be a choice of the user's, with which nothing that was tuned is used
    for name in names:
        if int(flags[name]) < 1:
            raise InvalidArgument(f"--{name} is {flags[name]}; give 1 or more")
    pools, each = (int(flags[name]) for name in names)
    return pools * each


def _access_log(text: str) -> LogFormat | None:
    if text not in ("", "text", "json"):
        raise InvalidArgument(f"--access_log is {text!r}; give text or json, or leave it out")
    return cast("LogFormat", text) if text else None


def _access_log_file(flags: Mapping[str, Value]) -> Path | None:
    file = str(flags["access_log_file"])
    if file and not flags["access_log"]:
        raise InvalidArgument(f"--access_log_file is {file!r}, but --access_log is not given; give text or json")
    return Path(file) if file else None


def _memory_budget(text: str) -> int:
    """Returns the budget, by default all memory: TensorFlow Serving answers whatever fits into memory."""
    from lightship.cli.sizes import parse_bytes
    from lightship.memory import available_memory

    return parse_bytes(text, "--memory_budget") if text else available_memory()


def _reload_root(text: str) -> Path:
    from lightship.lifecycle.model_config import is_absolute

    if not is_absolute(text):
        raise InvalidArgument(f"--reload_root is {text!r}; give an absolute path, or / for any folder")
    return Path(text)


def _grpc_options(given: Mapping[str, Value], flags: Mapping[str, Value], files: ConfigFiles) -> GrpcOptions:
    from lightship.transports.grpc.options import GrpcOptions, parse_channel_arguments

    return GrpcOptions(
        socket_path=str(flags["grpc_socket_path"]),
        tls=files.tls,
        channel_arguments=parse_channel_arguments(str(flags["grpc_channel_arguments"])),
        runs=max(0, int(given.get("grpc_max_threads", 0))),
        tensor_content=bool(flags["enable_serialization_as_tensor_content"]),
        health="port" if flags["enable_grpc_healthcheck_service"] else "off",
    )


def _any_address() -> str:
    """Returns the address that means all addresses of IPv6 and IPv4, or of IPv4 only if there is no IPv6."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return "0.0.0.0"
    return "::"
