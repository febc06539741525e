"""What the image runs: the server, with the flags that TensorFlow Serving's image gives it, and further ones."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from types import FrameType


def main() -> None:
    """Serves `$MODEL_BASE_PATH/$MODEL_NAME`, or what further arguments say."""
    # The kernel gives the first process of a container no default action: unhandled, an early signal would be lost.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)
    sys.argv[1:] = arguments(os.environ, sys.argv[1:])
    from lightship.cli import model_server

    model_server.main()


def arguments(environment: Mapping[str, str], further: Sequence[str]) -> list[str]:
    """The server's flags; of a flag that is given twice the later one counts."""
    name, base = environment.get("MODEL_NAME", "model"), environment.get("MODEL_BASE_PATH", "/models")
    own = ["--port=8500", "--rest_api_port=8501", f"--model_name={name}", f"--model_base_path={base}/{name}"]
    return [*own, *further]


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(0)
