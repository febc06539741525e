"""The commands as they are installed, run as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.client.conftest import scripted

__all__ = ["scripted"]

BIN = Path(sys.executable).parent
Run = Callable[..., subprocess.CompletedProcess[str]]


def clean_environment(**changes: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LIGHTSHIP_")}
    return inherited | {"COLUMNS": "120"} | changes


@pytest.fixture
def lightship(tmp_path: Path) -> Run:
    return runner(BIN / "lightship", tmp_path)


@pytest.fixture
def model_server(tmp_path: Path) -> Run:
    return runner(BIN / "lightship-model-server", tmp_path)


def runner(command: Path, folder: Path) -> Run:
    def run(*arguments: object, env: dict[str, str] | None = None, **options: Any) -> Any:
        options = {"capture_output": True, "text": True, "timeout": 120, "cwd": folder} | options
        words = [str(command), *map(str, arguments)]
        return subprocess.run(words, env=clean_environment(**(env or {})), check=False, **options)

    return run
