"""Servers in processes of their own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PROGRAM = """
import sys
from lightship.errors import LightshipError
from lightship.server import Server, ServerOptions, parse_model_argument
port, form, drain, *models = sys.argv[1:]
port = port if port == "auto" else int(port)
sources = [parse_model_argument(model) for model in models]
try:
    Server(ServerOptions(sources, rest_port=port, log_format=form, drain_seconds=float(drain))).run()
except LightshipError as error:
    sys.exit(error.message)
"""


@dataclass(slots=True)
class Process:
    popen: subprocess.Popen[str]
    port: int = 0
    log: list[str] = field(default_factory=list)

    def read_until(self, pattern: str) -> re.Match[str]:
        """Reads the log up to a line that matches."""
        assert self.popen.stderr is not None
        for line in self.popen.stderr:
            self.log.append(line)
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"the server ended with {self.popen.wait()}: {''.join(self.log)}")

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.popen.send_signal(number)

    def ended(self) -> tuple[int, str]:
        """Exit code, and the rest of the log."""
        _, rest = self.popen.communicate(timeout=60)
        return self.popen.returncode, "".join(self.log) + rest


Run = Callable[..., Process]


@pytest.fixture
def run() -> Iterator[Run]:
    """Starts a server process; waits for its models unless `ready` is False."""
    started: list[Process] = []

    def running(
        *models: str | Path, port: int | str = "auto", form: str = "text", drain: float = 20, ready: bool = True
    ) -> Process:
        command = [sys.executable, "-c", PROGRAM, str(port), form, str(drain), *map(str, models)]
        process = Process(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        started.append(process)
        if ready:
            process.port = int(process.read_until(r"http://[^ \"]+:(\d+)")[1])
            for _ in models:
                process.read_until("is AVAILABLE")
        return process

    yield running
    for process in started:
        process.popen.kill()
        process.popen.communicate()
