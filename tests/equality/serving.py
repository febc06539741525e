"""`lightship serve` in a process of its own, with or without TensorFlow, and calls to it over REST and gRPC."""

from __future__ import annotations

import json
import os
import re
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import grpc
import httpx
import numpy as np
from tests.equality.ask import Call
from tests.equality.outcome import Answer, Outcome, Refusal

import lightship
from lightship import protos
from lightship.tensors.tensor_proto import array_of
from lightship.tensors.tensor_writing import write_tensor

CALL_SECONDS = 30.0
PREDICT = "/tensorflow.serving.PredictionService/Predict"

# Python imports this before anything else. TensorFlow is then as if it had never been installed.
WITHOUT_TENSORFLOW = """
import sys
from importlib.machinery import PathFinder


class WithoutTensorFlow(PathFinder):
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        if fullname.partition(".")[0] in ("tensorflow", "keras"):
            return None
        return super().find_spec(fullname, path, target)


sys.meta_path[:] = [WithoutTensorFlow if finder is PathFinder else finder for finder in sys.meta_path]
"""


class ServerEnded(Exception):
    """The process is gone, or does not answer in time. loaded: the models that were loaded or refused before."""

    def __init__(self, text: str, loaded: frozenset[str] = frozenset()) -> None:
        super().__init__(text)
        self.loaded = loaded


@dataclass(slots=True)
class ServerProcess:
    popen: subprocess.Popen[bytes]
    log: IO[bytes]
    url: str
    http: httpx.Client
    channel: grpc.Channel

    def rest(self, model: str, call: Call) -> Outcome:
        """Raises ServerEnded."""
        inputs = {name: array.tolist() for name, array in call.inputs.items()}
        body = json.dumps({"signature_name": call.signature, "inputs": inputs})
        try:
            reply = self.http.post(f"{self.url}/v1/models/{model}:predict", content=body)
        except httpx.HTTPError as error:
            raise ServerEnded(self._end(f"{type(error).__name__}: {error}")) from error
        document = json.loads(reply.content)
        if reply.status_code != 200:
            return Refusal(reply.status_code, document["error"])
        outputs = document["outputs"]
        return Answer(outputs if isinstance(outputs, dict) else {"": outputs})

    def grpc(self, model: str, call: Call) -> Outcome:
        """Raises ServerEnded."""
        request = protos.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = model, call.signature
        for name, array in call.inputs.items():
            write_tensor(request.inputs[name], np.asarray(array), as_content=True)
        try:
            reply = self.channel.unary_unary(PREDICT)(request.SerializeToString(), timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            return self._refusal(error)
        outputs = protos.PredictResponse.FromString(reply).outputs
        return Answer({name: array_of(outputs[name]) for name in outputs})

    def state(self, model: str) -> tuple[str, str]:
        """Of the model's version: its state, and the text of its error."""
        try:
            reply = self.http.get(f"{self.url}/v1/models/{model}")
        except httpx.HTTPError as error:
            raise ServerEnded(self._end(f"{type(error).__name__}: {error}")) from error
        versions = json.loads(reply.content).get("model_version_status")
        return (versions[0]["state"], versions[0]["status"]["error_message"]) if versions else ("", reply.text)

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None

    def _refusal(self, error: Any) -> Refusal:
        code = error.code()
        if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED) or not self.alive:
            raise ServerEnded(self._end(f"{code.name}: {error.details()}")) from error
        return Refusal(code.value[0], error.details())

    def _end(self, reason: str) -> str:
        return f"{reason}; {ending(self.popen, self.log)}"


def ending(popen: subprocess.Popen[bytes], log: IO[bytes]) -> str:
    """How the process ended, and the last lines of its log."""
    try:
        state = f"the process ended with {popen.wait(2)}"
    except subprocess.TimeoutExpired:
        state = "the process still runs"
    log.seek(0)
    return f"{state}: {log.read().decode('utf-8', 'replace')[-1500:]}"


@contextmanager
def serving(models: Mapping[str, Path], *, tensorflow: bool, ready_seconds: float) -> Iterator[ServerProcess]:
    """Ready when it is given: each model answers or has failed. Killed at the end. Raises ServerEnded."""
    words = [f"{name}={folder}" for name, folder in models.items()]
    options = ["--rest-port", "auto", "--grpc-port", "auto", "--json"]
    command = [sys.executable, "-c", "from lightship.cli import main; main()", "serve", *words, *options]
    with tempfile.TemporaryDirectory(prefix="lightship-test-") as folder:
        place = Path(folder)
        environment = _environment(place, tensorflow)
        with (place / "log").open("wb") as log, (place / "log").open("rb") as reader:
            popen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment)
            try:
                reported = json.loads(_first_line(popen, reader, ready_seconds))
                with (
                    httpx.Client(timeout=CALL_SECONDS) as http,
                    grpc.insecure_channel(f"127.0.0.1:{reported['grpc_port']}") as channel,
                ):
                    yield ServerProcess(popen, reader, reported["url"], http, channel)
            finally:
                popen.kill()
                popen.communicate()


def _environment(place: Path, tensorflow: bool) -> dict[str, str]:
    """Of a server of the same code. Without TensorFlow its cache is its own: what was found with it must not help."""
    paths = [str(Path(lightship.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    if tensorflow:
        return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    (place / "sitecustomize.py").write_text(WITHOUT_TENSORFLOW)
    return os.environ | {
        "PYTHONPATH": os.pathsep.join([str(place), *paths]),
        "LIGHTSHIP_CACHE_DIR": str(place / "cache"),
    }


def _first_line(popen: subprocess.Popen[bytes], log: IO[bytes], seconds: float) -> bytes:
    assert popen.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(popen.stdout, selectors.EVENT_READ)
        end = time.monotonic() + seconds
        if not selector.select(max(0.0, end - time.monotonic())):
            raise ServerEnded(f"not ready after {seconds:.0f} s; {ending(popen, log)}", _loaded(log))
    line = popen.stdout.readline()
    if not line:
        raise ServerEnded(ending(popen, log), _loaded(log))
    return line


def _loaded(log: IO[bytes]) -> frozenset[str]:
    log.seek(0)
    return frozenset(
        record["model"]
        for line in log
        if line.startswith(b"{") and line.endswith(b"}\n") and "model" in (record := json.loads(line))
    )


def sayable_in_json(call: Call) -> bool:
    """JSON's lists lose a shape whose inner sizes follow a zero."""
    return all(np.asarray(array.tolist()).shape == array.shape for array in call.inputs.values())


def names_tensorflow(text: str) -> bool:
    """Whether a refusal says that it needs TensorFlow, and how to get it."""
    return bool(re.search(r"TensorFlow.*pip install 'lightship\[tensorflow\]'", text, re.DOTALL))
