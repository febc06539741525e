"""Servers with several workers, in processes of their own, and clients that ask without pause."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.cli.conftest import clean_environment
from tests.processes import children, command_has

from lightship.protos import PredictRequest, PredictResponse

BIN = Path(sys.executable).parent
PATIENCE = 120.0


def eventually(condition: Callable[[], Any], what: str = "") -> Any:
    """Waits for a condition, and returns what it returned."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(OSError, HTTPException):
            result = condition()
            if result:
                return result
        threading.Event().wait(0.02)
    raise AssertionError(what or "it does not happen")


def is_worker(pid: int) -> bool:
    return command_has(pid, b"workers.worker")


def runs(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    with contextlib.suppress(OSError):
        return not re.search(r"^State:\s+[ZX]", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return False


@dataclass(slots=True)
class Served:
    popen: subprocess.Popen[str]
    log_file: Path
    port: int = 0
    grpc_port: int = 0

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def workers(self) -> list[int]:
        return [child for child in children(self.popen.pid) if is_worker(child)]

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.popen.send_signal(number)

    def ended(self) -> int:
        return self.popen.wait(PATIENCE)

    def get(self, path: str) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def ready(self) -> bool:
        return self.get("/readyz")[0] == 200

    def states(self, model: str = "m") -> dict[int, str]:
        status, text = self.get(f"/v1/models/{model}")
        found = json.loads(text).get("model_version_status", []) if status == 200 else []
        return {int(one["version"]): one["state"] for one in found}

    def predict(self, model: str = "m", version: str = "") -> tuple[int, str, str | None]:
        """Asks on a new connection. Returns the status, the body, and the version that answered."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", f"/v1/models/{model}{version}:predict", b'{"instances": [1.0]}')
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.getheader("Lightship-Model-Version")


Start = Callable[..., Served]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `lightship serve` with two workers; waits until its models are loaded unless `ready` is False."""
    started: list[Served] = []

    def starting(
        *arguments: object, workers: int | str = 2, ready: bool = True, command: str = "serve", env: Any = None
    ) -> Served:
        log_file = tmp_path / f"log{len(started)}"
        name = "lightship" if command == "serve" else command
        words = [str(BIN / name), *(["serve", "--rest-port=auto"] if command == "serve" else [])]
        words += [f"--workers={workers}", *map(str, arguments)]
        with log_file.open("w") as log:
            popen = subprocess.Popen(words, stdout=log, stderr=log, text=True, env=clean_environment(**(env or {})))
        served = Served(popen, log_file)
        started.append(served)
        if command == "serve":
            served.port = int(eventually(lambda: re.search(r"REST on http://[^ ]+?:(\d+)[\n\"]", served.log))[1])
            served.grpc_port = int(eventually(lambda: re.search(r"gRPC on [^ ]+?:(\d+)[\n\"]", served.log))[1])
        if ready:
            eventually(served.ready, "it is not ready")
            eventually(lambda: len(served.workers()) == workers)
        return served

    yield starting
    for served in started:
        served.popen.kill()
        served.popen.wait()


@pytest.fixture
def models(tmp_path: Path, half_plus_two: Path) -> Path:
    """A model's folder with version 1, which may get others by `add_version`."""
    folder = tmp_path / "m"
    folder.mkdir()
    add_version(folder, half_plus_two, 1)
    return folder


def add_version(folder: Path, half_plus_two: Path, number: int) -> None:
    """Publishes a version, as something old that is moved to its place, so that it is loaded at once."""
    hidden = folder.parent / f"hidden-{folder.name}-{number}"
    shutil.copytree(half_plus_two / "123", hidden)
    for file in sorted(hidden.rglob("*")):
        os.utime(file, (1_700_000_000, 1_700_000_000))
    hidden.rename(folder / str(number))


@dataclass(slots=True)
class Asker:
    """Asks without pause over REST until it is stopped, and tries again only to connect."""

    port: int
    keep_alive: bool = True
    path: str = "/v1/models/m:predict"
    body: bytes = b'{"instances": [1.0]}'
    answered: int = 0
    lost: list[str] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    stopped: bool = False

    def run(self) -> None:
        while not self.stopped:
            connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            with contextlib.closing(connection):
                try:
                    connection.connect()
                    self._ask_on(connection)
                except (OSError, HTTPException) as error:
                    self.lost.append(repr(error))

    def _ask_on(self, connection: HTTPConnection) -> None:
        connection.auto_open = 0
        while connection.sock is not None and not self.stopped:
            connection.request("POST", self.path, self.body)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                self.lost.append(f"{answer.status}: {body.decode()}")
            else:
                self.versions.append(int(answer.getheader("Lightship-Model-Version") or 0))
                self.answered += 1
            if not self.keep_alive:
                return


@dataclass(slots=True)
class GrpcAsker:
    """Asks without pause over a gRPC channel of its own."""

    port: int
    answered: int = 0
    lost: list[str] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    stopped: bool = False

    def run(self) -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        with grpc.insecure_channel(f"127.0.0.1:{self.port}", options=options) as channel:
            call = predict_call(channel)
            while not self.stopped:
                try:
                    response = PredictResponse.FromString(call(predict_request("m"), timeout=PATIENCE))
                    self.versions.append(response.model_spec.version.value)
                    self.answered += 1
                except grpc.RpcError as error:
                    self.lost.append(str(error))


def predict_call(channel: grpc.Channel) -> Any:
    return channel.unary_unary("/tensorflow.serving.PredictionService/Predict")


def predict_request(model: str) -> bytes:
    request = PredictRequest()
    request.model_spec.name = model
    request.inputs["x"].dtype = 1
    for _ in range(2):
        request.inputs["x"].tensor_shape.dim.add(size=1)
    request.inputs["x"].float_val.append(1.0)
    return bytes(request.SerializeToString())


@contextlib.contextmanager
def load(*askers: Asker | GrpcAsker) -> Iterator[None]:
    """While the block runs, clients ask without pause, and each has been answered before it begins."""
    threads = [threading.Thread(target=asker.run, daemon=True) for asker in askers]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: all(asker.answered > 5 or asker.lost for asker in askers))
        yield
    finally:
        for asker in askers:
            asker.stopped = True
        for thread in threads:
            thread.join(PATIENCE)


def open_url(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return str(answer.read().decode())
