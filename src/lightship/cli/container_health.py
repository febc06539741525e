"""The health check of the container image: exit code 0 if the server is ready, and otherwise 1 with the reason.

Docker runs it every few seconds, so it imports only a few standard modules.
"""

from __future__ import annotations

import http.client
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

SECONDS = 3.0
FLAGS = ("--rest_api_port", "--rest-port")  # of lightship-model-server, and of `lightship serve`


def main() -> None:
    """Asks the server whether it is ready. Its flags are those of the first process, which is an init or the server."""
    command = Path("/proc/1/cmdline").read_bytes().decode(errors="replace").split("\0")
    try:
        reason = not_ready(*ports_of(command, os.environ))
    except (OSError, http.client.HTTPException) as error:
        reason = str(error)
    print(reason or "ready")
    sys.exit(1 if reason else 0)


def ports_of(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, int]:
    """Returns the ports of REST (0 if it is off) and gRPC from the command line of a server."""
    config = _options(_last(command, ("--config",)) or environment.get("LIGHTSHIP_CONFIG"))
    rest = _last(command, FLAGS) or environment.get("LIGHTSHIP_REST_PORT") or config.get("rest_port", "8501")
    grpc = _last(command, ("--port", "--grpc-port")) or environment.get("LIGHTSHIP_GRPC_PORT")
    grpc = grpc or config.get("grpc_port", "8500")
    return _number(rest, 8501), _number(grpc, 8500)


def not_ready(rest: int, grpc: int) -> str:
    """Returns why the server is not ready, or an empty text. Without REST it only connects to the port of gRPC."""
    if not rest:
        socket.create_connection(("127.0.0.1", grpc), timeout=SECONDS).close()
        return ""
    connection = http.client.HTTPConnection("127.0.0.1", rest, timeout=SECONDS)
    connection.request("GET", "/readyz")
    answer = connection.getresponse()
    body = answer.read(4096).decode(errors="replace")
    connection.close()
    return "" if answer.status == 200 else body or f"status {answer.status}"


def _options(config: str | None) -> Mapping[str, str]:
    """Returns the values of a configuration file as texts; none if there is no such file, or if it is wrong."""
    if not config:
        return {}
    import tomllib

    try:
        return {key: str(value) for key, value in tomllib.loads(Path(config).read_text(encoding="utf-8-sig")).items()}
    except (OSError, ValueError, RecursionError):
        return {}


def _last(command: Sequence[str], flags: Sequence[str]) -> str | None:
    """Returns the value of the last of these flags, given as `--flag=value` or `--flag value`."""
    value = None
    for argument, following in zip(command, [*command[1:], ""], strict=True):
        flag, equals, text = argument.partition("=")
        if flag in flags:
            value = text if equals else following
    return value


def _number(text: str, default: int) -> int:
    return int(text) if text.isdecimal() else default


if __name__ == "__main__":
    main()
