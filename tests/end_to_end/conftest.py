"""Real servers in processes of their own, started as a user starts them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
Serve = Callable[..., "Running"]


@dataclass(slots=True)
class Running:
    process: subprocess.Popen[str]
    url: str  # http://127.0.0.1:PORT
    grpc_port: int

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def grpc_url(self) -> str:
        return f"grpc://127.0.0.1:{self.grpc_port}"

    def resident_megabytes(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024

    def settled_megabytes(self, below: float, seconds: float = 60.0) -> float:
        """Resident megabytes, once they are below a limit or the time is over."""
        end = time.monotonic() + seconds
        while (resident := self.resident_megabytes()) > below and time.monotonic() < end:
            threading.Event().wait(0.1)
        return resident

    def mapped_files(self) -> set[str]:
        maps = Path(f"/proc/{self.process.pid}/maps").read_text()
        return {line.split(maxsplit=5)[5] for line in maps.splitlines() if "/" in line}

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def start(command: Path, *arguments: str, cwd: Path | None = None) -> Running:
    process = subprocess.Popen(
        [str(command), "serve", *arguments, "--rest-port", "auto", "--json"], stdout=subprocess.PIPE, text=True, cwd=cwd
    )
    assert process.stdout is not None
    ready = process.stdout.readline()
    assert ready, f"the server ended with {process.wait()}"
    reported = json.loads(ready)
    return Running(process, reported["url"], reported["grpc_port"])


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:

        def started(*arguments: str, command: Path = BIN / "lightship", cwd: Path | None = None) -> Running:
            running = start(command, *arguments, cwd=cwd)
            stack.callback(stop, running.process)
            return running

        yield started


def stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait(60)
    assert process.stdout is not None
    process.stdout.close()
