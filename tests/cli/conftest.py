"""The commands as they are installed, run as a user runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from benchmarks.ports import free_port
from tests.client.conftest import fake_server

__all__ = ["fake_server"]

BIN = Path(sys.executable).parent
Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., "subprocess.Popen[str]"]

WITHOUT_TENSORFLOW = Path(__file__).parents[1] / "without_tensorflow"


def clean_environment(**changes: str) -> dict[str, str]:
    """The environment without Lightship's variables, except that commands share the cache of this test process."""
    kept = {"LIGHTSHIP_CACHE_DIR"}
    inherited = {name: value for name, value in os.environ.items() if name in kept or not name.startswith("LIGHTSHIP_")}
    return inherited | {"COLUMNS": "120"} | changes


def heed_interrupts() -> None:
    """What runs in the background of a shell script ignores SIGINT, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def free_grpc_port(command: str, arguments: Sequence[object]) -> list[str]:
    """The flag for one, for a model server that names none: others may be testing at the same time."""
    named = any(str(argument).startswith(("--port", "--help", "--version")) for argument in arguments)
    return [] if command != "lightship-model-server" or named else [f"--port={free_port()}"]


@pytest.fixture
def lightship(tmp_path: Path) -> Run:
    return runner(BIN / "lightship", tmp_path)


@pytest.fixture
def model_server(tmp_path: Path) -> Run:
    return runner(BIN / "lightship-model-server", tmp_path)


def runner(command: Path, folder: Path) -> Run:
    def run(*arguments: object, env: dict[str, str] | None = None, **options: Any) -> Any:
        options = {"capture_output": True, "text": True, "timeout": 120, "cwd": folder} | options
        words = [str(command), *map(str, arguments), *free_grpc_port(command.name, arguments)]
        return subprocess.run(words, env=clean_environment(**(env or {})), check=False, **options)

    return run


@pytest.fixture
def no_tensorflow() -> dict[str, str]:
    """The environment of a command whose Python finds no TensorFlow, as where Lightship is installed without it."""
    paths = [str(WITHOUT_TENSORFLOW), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(paths)}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `lightship serve ...`; what still runs at the end is killed."""
    with ExitStack() as stack:

        def started(*arguments: object, env: dict[str, str] | None = None, command: str = "lightship") -> Any:
            words = [str(BIN / command), *(["serve"] if command == "lightship" else []), *map(str, arguments)]
            words += free_grpc_port(command, arguments)
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            process = subprocess.Popen(words, text=True, cwd=tmp_path, env=clean_environment(**(env or {})), **pipes)
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield started


def until(process: subprocess.Popen[str], text: str) -> list[str]:
    """The lines on standard error up to one that holds `text`."""
    assert process.stderr is not None
    lines: list[str] = []
    while not any(text in line for line in lines):
        line = process.stderr.readline()
        assert line, "".join(lines)
        lines.append(line)
    return lines
