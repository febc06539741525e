"""Calls a second over gRPC, and, with the toy model, beside the smallest possible server, interleaved.

Needs `h2load` (Debian's nghttp2-client). All servers run at once, those idle that are not asked. Before
they are measured, the servers of Lightship must give the same answer, byte for byte.
Usage: python -m benchmarks.grpc_servers [--rounds 5] [--seconds 1] [--only toy]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import numpy as np
from benchmarks.models import MODELS, Model, made
from benchmarks.rest import let_measure, on_cores

from lightship import protos
from lightship.tensors.tensor_writing import write_tensor

SERVERS = ("lightship", "--no-join")
YARDSTICK = ("yardstick",)  # beside the toy
AT_ONCE = {
    "toy": ((1, 1), (2, 4), (4, 8)),
    "mobilenet": ((1, 1), (2, 2), (4, 4), (8, 8)),
    "resnet": ((1, 1), (2, 2), (4, 4)),
}
PREDICT = "/tensorflow.serving.PredictionService/Predict"
HEADERS = ("content-type: application/grpc", "te: trailers")


def request_of(model: Model) -> bytes:
    """One row, as `tensor_content`."""
    message = protos.PredictRequest()
    message.model_spec.name = model.name
    row = np.random.default_rng(0).random((1, *model.row), np.float32)
    write_tensor(message.inputs[input_of(model)], row, as_content=True)
    return bytes(message.SerializeToString())


def input_of(model: Model) -> str:
    from lightship.saved_model.reader import read_saved_model

    folder = made() / model.name / "1"
    return next(iter(read_saved_model(folder).signatures["serving_default"].inputs))


@contextmanager
def running(model: Model, folder: Path) -> Iterator[dict[str, int]]:
    """The port of each server."""
    with ExitStack() as stack:
        ports = {}
        for server in SERVERS + (YARDSTICK if model.name == "toy" else ()):
            command = on_cores(command_of(server, folder / model.name), range(model.cores))
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
            stack.callback(process.terminate)
            assert process.stdout is not None
            ports[server] = int(json.loads(process.stdout.readline())["grpc_port"])
        yield ports


def command_of(server: str, model: Path) -> list[str]:
    if server in YARDSTICK:
        return [sys.executable, "-m", "benchmarks.grpc_yardstick", str(model / "1")]
    lightship = str(Path(sys.executable).with_name("lightship"))
    words = ["--rest-port", "0", "--grpc-port", "auto", "--json"]
    return [lightship, "serve", str(model), *words, *([server] if server.startswith("--") else [])]


def answer_of(port: int, request: bytes) -> bytes:
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        return bytes(channel.unary_unary(PREDICT)(request, timeout=60))


def rate(port: int, body: Path, connections: int, streams: int, seconds: float, cores: Sequence[int]) -> float:
    """Calls a second. Raises RuntimeError for calls that did not end well."""
    load = ["h2load", f"-D{round(1000 * seconds)}ms", f"-c{connections}", f"-m{streams}", "-t1", "-d", str(body)]
    headers = [word for header in HEADERS for word in ("-H", header)]
    command = on_cores([*load, *headers, f"http://127.0.0.1:{port}{PREDICT}"], cores)
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return rate_in(text)


def rate_in(text: str) -> float:
    """Returns the calls a second that h2load printed. Raises RuntimeError if calls did not end well."""
    found = re.search(r"finished in [^,]+, ([\d.]+) req/s", text)
    if found is None or not float(found[1]) or " 0 failed, 0 errored" not in text or " 0 4xx, 0 5xx" not in text:
        raise RuntimeError(text)
    return float(found[1])


def compare(model: Model, folder: Path, rounds: int, seconds: float) -> None:
    request = request_of(model)
    let_measure(on_cores(command_of("lightship", folder / model.name), range(model.cores)))
    with tempfile.TemporaryDirectory() as scratch, running(model, folder) as ports:
        body = Path(scratch, "message")
        body.write_bytes(b"\0" + len(request).to_bytes(4, "big") + request)
        answers = {name: answer_of(ports[name], request) for name in SERVERS}
        if len(set(answers.values())) != 1:
            raise RuntimeError(f"the servers answer differently: {answers}")
        clients = range(model.cores % (os.cpu_count() or 1), os.cpu_count() or 1)
        for connections, streams in AT_ONCE[model.name]:
            rates: dict[str, list[float]] = {name: [] for name in ports}
            for number in range(rounds):
                for name in list(ports)[:: -1 if number % 2 else 1]:  # none is always the first
                    rates[name].append(rate(ports[name], body, connections, streams, seconds, clients))
            tell(model, connections * streams, rates)


def tell(model: Model, at_once: int, rates: dict[str, list[float]]) -> None:
    parts = [f"{model.title.removesuffix(', float list'):36} {at_once:2} at once"]
    for name, found in rates.items():
        ratios = [one / base for one, base in zip(found, rates[SERVERS[0]], strict=True)]
        spread = (
            "" if name == SERVERS[0] else f" x {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        )
        parts.append(f"{name} {statistics.median(found):7.0f}/s{spread}")
    print("  ".join(parts), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--only", choices=AT_ONCE, default=None)
    options = parser.parse_args()
    if shutil.which("h2load") is None:
        sys.exit("h2load is missing: install it, on Debian with 'apt-get install nghttp2-client'")
    folder = made()
    for model in MODELS:
        if options.only in (None, model.name):
            compare(model, folder, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
