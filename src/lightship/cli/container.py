"""The entry point of the container image: the server, with the default flags of TensorFlow Serving's image."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from lightship.cli.entry import model_server


def main() -> None:
    """Serves `$MODEL_BASE_PATH/$MODEL_NAME`. Arguments of the container override these defaults."""
    sys.argv[1:] = arguments(os.environ, sys.argv[1:])
    model_server()


def arguments(environment: Mapping[str, str], further: Sequence[str]) -> list[str]:
    """Returns the server's flags. If a flag occurs twice, the later one is used."""
    name, base = environment.get("MODEL_NAME", "model"), environment.get("MODEL_BASE_PATH", "/models")
    own = ["--port=8500", "--rest_api_port=8501", f"--model_name={name}", f"--model_base_path={base}/{name}"]
    return [*own, *further]
