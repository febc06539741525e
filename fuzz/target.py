"""The server that is attacked: a process of its own, and what is seen of it from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.error import HTTPError
from urllib.request import Request, urlopen


class Target:
    """port: of REST."""

    def __init__(self, process: subprocess.Popen[str], port: int, grpc_port: int, log: IO[bytes]) -> None:
        self.process, self.port, self.grpc_port, self._log = process, port, grpc_port, log

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def resident_megabytes(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024

    def settled_megabytes(self, below: float, seconds: float = 10.0) -> float:
        """Resident megabytes, once they are below a limit or the time is over."""
        end = time.monotonic() + seconds
        while (resident := self.resident_megabytes()) > below and time.monotonic() < end:
            time.sleep(0.2)
        return resident

    def new_log(self) -> str:
        """What the server wrote to its standard error since this was last asked."""
        return self._log.read().decode("utf-8", "replace")


def warm(port: int, model: str) -> None:
    """Makes a call that OpenVINO refuses, so that TensorFlow is imported before memory and time are measured."""
    url, body = f"http://127.0.0.1:{port}/v1/models/{model}:predict", b'{"instances": [[[[[[[1.0]]]]]]]}'
    with suppress(HTTPError), urlopen(Request(url, body), timeout=120) as answer:
        answer.read()


@contextmanager
def started(models: Sequence[Path], *options: str) -> Iterator[Target]:
    """`lightship serve` with these models and further options, ready; killed at the end."""
    command = [sys.executable, "-c", "from lightship.cli import main; main()", "serve", *map(str, models)]
    with tempfile.NamedTemporaryFile(prefix="lightship-fuzz-", suffix=".log") as log, open(log.name, "rb") as reader:
        process = subprocess.Popen(
            [*command, "--rest-port", "auto", "--json", *options],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | {"PYTHONFAULTHANDLER": "1"},
        )
        assert process.stdout is not None
        try:
            ready = process.stdout.readline()
            if not ready:
                raise SystemExit(f"the server ended with {process.wait()}: {reader.read().decode()}")
            ports = json.loads(ready)
            for model in models:
                warm(ports["rest_port"], model.name)
            yield Target(process, ports["rest_port"], ports["grpc_port"], reader)
        finally:
            process.kill()
            process.wait(30)
            process.stdout.close()
