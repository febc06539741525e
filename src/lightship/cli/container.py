"""The entry point of the container image: the server, with the default flags of TensorFlow Serving's image."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from types import FrameType


def main() -> None:
    """Serves `$MODEL_BASE_PATH/$MODEL_NAME`. Arguments of the container override these defaults."""
    # Signals have no default action for the first process of a container, so without a handler an early signal would
    # be ignored.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)
    sys.argv[1:] = arguments(os.environ, sys.argv[1:])
    from lightship.cli import model_server

    model_server.main()


def arguments(environment: Mapping[str, str], further: Sequence[str]) -> list[str]:
    """Returns the server's flags. If a flag occurs twice, the later one is used."""
    name, base = environment.get("MODEL_NAME", "model"), environment.get("MODEL_BASE_PATH", "/models")
    own = ["--port=8500", "--rest_api_port=8501", f"--model_name={name}", f"--model_base_path={base}/{name}"]
    return [*own, *further]


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(0)
