"""`lightship serve` in a process of its own, and what is seen of it from outside."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import grpc
import numpy as np

from lightship import protos
from lightship.tensors.tensor_writing import write_tensor

PREDICT = "/tensorflow.serving.PredictionService/Predict"
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def request(values: Any = (2.0,), model: str = "m") -> bytes:
    message = protos.PredictRequest()
    message.model_spec.name = model
    write_tensor(message.inputs["x"], np.float32(values), as_content=True)
    return bytes(message.SerializeToString())


def values_of(answer: bytes) -> list[float]:
    return list(protos.PredictResponse.FromString(answer).outputs["y"].float_val)


def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@dataclass(slots=True)
class GrpcProcess:
    popen: subprocess.Popen[str]
    port: int
    log: IO[bytes]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.popen.pid}/task").iterdir()))

    @property
    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.popen.pid}/fd").iterdir()))

    @property
    def resident_megabytes(self) -> float:
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024

    def channel(self, **options: Any) -> grpc.Channel:
        """A connection of its own."""
        return grpc.insecure_channel(self.address, [*UNLIMITED, ("grpc.use_local_subchannel_pool", 1)], **options)

    def predict(self, values: Any = (2.0,), **options: Any) -> list[float]:
        with self.channel() as channel:
            return values_of(channel.unary_unary(PREDICT)(request(values), **{"timeout": 60} | options))

    def answers(self) -> bool:
        """Whether it answers a call; it may refuse one while it has too much work."""
        try:
            return self.predict() == [3.0]
        except grpc.RpcError:
            return False

    def end(self) -> tuple[int, str]:
        """SIGTERM; the exit code, and the log."""
        self.popen.send_signal(signal.SIGTERM)
        code = self.popen.wait(60)
        return code, self.text

    @property
    def text(self) -> str:
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")


@contextmanager
def grpc_process(*arguments: str | Path) -> Iterator[GrpcProcess]:
    """Ready when it is given; killed at the end. arguments: models and options."""
    words = [*map(str, arguments), "--rest-port", "0", "--grpc-port", "auto", "--json"]
    command = [sys.executable, "-c", "from lightship.cli import main; main()", "serve", *words]
    with tempfile.NamedTemporaryFile(prefix="lightship-test-", suffix=".log") as log, open(log.name, "rb") as reader:
        popen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert popen.stdout is not None
        try:
            line = popen.stdout.readline()
            assert line, reader.read().decode()
            yield GrpcProcess(popen, json.loads(line)["grpc_port"], reader)
        finally:
            popen.kill()
            popen.wait(60)
            popen.stdout.close()
