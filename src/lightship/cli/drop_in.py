"""The server of `lightship-model-server`: its port is opened when the model answers, as TensorFlow Serving's."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lightship.cli.flags import Value
from lightship.errors import InvalidArgument

if TYPE_CHECKING:
    from lightship.server import Server, ServerOptions

logger = logging.getLogger(__name__)


def started(flags: Mapping[str, Value]) -> Server:
    """Loads the model, however long its folder takes to come, and opens the port. A signal meanwhile ends the process.

    Raises Unknown, in TensorFlow Serving's words, if the first version found cannot be loaded.
    """
    from lightship.server import Server

    name = str(flags["model_name"])
    server = Server(_options(flags, name))
    if not server.wait_decided():
        sys.exit(0)
    server.start()
    logger.info("Exporting HTTP/REST API at:localhost:%d ...", server.rest_port)
    return server


def _options(flags: Mapping[str, Value], name: str) -> ServerOptions:
    from lightship.engines import EngineOptions
    from lightship.server import ModelConfig, ServerOptions

    if flags["mixed_precision"] not in ("", "bfloat16"):
        raise InvalidArgument(f"--mixed_precision is {flags['mixed_precision']!r}; it is bfloat16 or nothing")
    threads = max(int(flags["tensorflow_session_parallelism"]), int(flags["tensorflow_intra_op_parallelism"]))
    return ServerOptions(
        models=[ModelConfig(name, Path(str(flags["model_base_path"])))],
        host=_everywhere(),
        rest_port=int(flags["rest_api_port"]),
        poll_seconds=int(flags["file_system_poll_wait_seconds"]),
        timeout_seconds=max(0, int(flags["rest_api_timeout_in_ms"])) / 1000,
        log_format="text",
        engine=EngineOptions(threads=threads, precision="bf16" if flags["mixed_precision"] else "f32"),
    )


def _everywhere() -> str:
    """All addresses, of IPv6 and IPv4 by one socket; of IPv4 where there is no other."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return "0.0.0.0"
    return "::"
