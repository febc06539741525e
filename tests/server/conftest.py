"""Servers in processes of their own."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.server.grpc_serving import Slow

from lightship.batching import Direct
from lightship.server import Server, serve

PROGRAM = """
import sys
from pathlib import Path
from lightship.errors import LightshipError
from lightship.server import Server, ServerOptions, parse_model_argument
port, grpc_port, form, drain, reload, *models = sys.argv[1:]
port = port if port == "auto" else int(port)
sources = [parse_model_argument(model) for model in models]
try:
    options = {"rest_port": port, "grpc_port": "auto" if grpc_port else 0}
    more = {"reload_root": Path(reload)} if reload else {}
    Server(ServerOptions(sources, **options, log_format=form, drain_seconds=float(drain), **more)).run()
except LightshipError as error:
    sys.exit(error.message)
"""


@dataclass(slots=True)
class Process:
    popen: subprocess.Popen[str]
    port: int = 0
    grpc_port: int = 0
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

    def signal_until_it_ends(self, number: int) -> None:
        """A signal that follows the first one at once is not a second one."""
        for _ in range(600):
            self.signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(0.1)
                return
        raise AssertionError("the server does not end")

    def ended(self) -> tuple[int, str]:
        """Exit code, and the whole log. It is killed after 60 seconds."""
        assert self.popen.stderr is not None
        kill = threading.Timer(60, self.popen.kill)
        kill.start()
        try:
            self.log += self.popen.stderr  # `communicate` leaves out what `read_until` has read ahead
            self.popen.communicate(timeout=60)
        finally:
            kill.cancel()
        return self.popen.returncode, "".join(self.log)


Run = Callable[..., Process]


@pytest.fixture
def run() -> Iterator[Run]:
    """Starts a server process; waits for its models unless `ready` is False."""
    started: list[Process] = []

    def running(
        *models: str | Path,
        port: int | str = "auto",
        grpc: bool = False,
        form: str = "text",
        drain: float = 20,
        ready: bool = True,
        reload: str = "",
    ) -> Process:
        words = [str(port), "grpc" if grpc else "", form, str(drain), reload, *map(str, models)]
        command = [sys.executable, "-c", PROGRAM, *words]
        process = Process(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        started.append(process)
        if ready:
            process.port = int(process.read_until(r"http://[^ \"]+:(\d+)")[1])
            if grpc:
                process.grpc_port = int(process.read_until(r"gRPC on [^ ]+:(\d+)")[1])
            for _ in models:
                process.read_until("is AVAILABLE")
        return process

    yield running
    for process in started:
        process.popen.kill()
        process.popen.communicate()


@pytest.fixture
def served(half_plus_two: Path) -> Iterator[Callable[..., Server]]:
    running: list[Server] = []

    def serving(**options: Any) -> Server:
        server = serve(f"m={half_plus_two}", **{"rest_port": 0, "grpc_port": "auto"} | options)
        running.append(server)
        assert server.wait_ready(60)
        return server

    yield serving
    for server in running:
        server.stop()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Callable[[Server], Slow]:
    """Makes the runs of a server's model m wait."""

    def slowed(server: Server) -> Slow:
        with server.manager.handle("m") as handle:
            engine = Slow(handle.servable)
        lease = server.manager._serving._models["m"].latest
        assert lease is not None
        monkeypatch.setattr(lease, "servable", replace(lease.servable, engine=engine, scheduler=Direct(engine)))
        return engine

    return slowed
