"""REST beside the yardstick: requests a second, interleaved in one sitting, and the ratios to it. `make bench`.

Needs `wrk`. The yardstick, Lightship, and Lightship with --no-join run at once, those idle that are not measured.
Usage: python -m benchmarks.rest [--rounds 5] [--seconds 2] [--only toy]
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
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from benchmarks.load import request_bytes
from benchmarks.models import MODELS, Model, made
from benchmarks.ports import free_port
from benchmarks.serving import first_answer, started

CONNECTIONS = {"toy": (1, 8, 32), "mobilenet": (1, 4, 16), "resnet": (1, 4, 16)}
SETTLE_SECONDS = 15.0  # after its start a server measures what batches cost
SCRIPT = """
local file = io.open("%s", "rb")
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["Content-Type"] = "application/json"
file:close()
"""


def body_of(model: Model) -> bytes:
    """One instance as Python's own json writes it: 17 digits a number."""
    pixels = np.random.default_rng(0).random((1, *model.row), np.float32)
    return json.dumps({"instances": pixels.astype(np.float64).tolist()}).encode()


def on_cores(command: Sequence[str], cores: Sequence[int]) -> list[str]:
    return ["taskset", "-c", ",".join(map(str, cores)), *command]


def let_measure(command: Sequence[str], environment: dict[str, str] | None = None) -> None:
    """Starts a server alone, which measures what batches cost and keeps it in the cache for those that come after.

    Calls, and a second server that measures at the same time, would disturb that.
    """
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as process:
        time.sleep(SETTLE_SECONDS)
        process.terminate()


@contextmanager
def servers(model: Model, folder: Path, body: bytes) -> Iterator[dict[str, str]]:
    """The URLs of all, which have answered."""
    ours, single, theirs = free_port(), free_port(), free_port()
    cores = range(model.cores)
    lightship = str(Path(sys.executable).with_name("lightship"))
    serve = [lightship, "serve", str(folder / model.name), "--grpc-port", "0", "--rest-port", str(ours)]
    bare = [sys.executable, "-m", "benchmarks.yardstick", "--port", str(theirs)]
    path = f"/v1/models/{model.name}:predict"
    let_measure(on_cores(serve, cores))
    with (
        started(on_cores(serve, cores), {}) as one,
        started(on_cores([*serve[:-1], str(single), "--no-join"], cores), {}) as another,
        started(on_cores(bare, cores), {"MODEL": str(folder / model.name / "1")}) as other,
    ):
        for port, process in ((ours, one), (single, another), (theirs, other)):
            first_answer(port, request_bytes(path, body), process)
        yield {
            "yardstick": f"http://127.0.0.1:{theirs}{path}",
            "lightship": f"http://127.0.0.1:{ours}{path}",
            "--no-join": f"http://127.0.0.1:{single}{path}",
        }


def rate(url: str, script: Path, connections: int, seconds: int, cores: Sequence[int]) -> float:
    """Requests a second. Raises RuntimeError for answers that are not 200, and for none at all."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script), url]
    text = subprocess.run(on_cores(command, cores), check=True, capture_output=True, text=True).stdout
    match = re.search(r"Requests/sec:\s+([\d.]+)", text)
    if match is None or "Non-2xx" in text:
        raise RuntimeError(text)
    if not float(match[1]):
        raise RuntimeError(f"{url} answered nothing within {seconds} seconds: the machine is too busy to measure")
    return float(match[1])


def compare(model: Model, folder: Path, rounds: int, seconds: int) -> None:
    body = body_of(model)
    with tempfile.TemporaryDirectory() as scratch, servers(model, folder, body) as urls:
        content, script = Path(scratch, "body.json"), Path(scratch, "post.lua")
        content.write_bytes(body)
        script.write_text(SCRIPT % content)
        clients = range(model.cores % (os.cpu_count() or 1), os.cpu_count() or 1)
        for connections in CONNECTIONS[model.name]:
            rates: dict[str, list[float]] = {name: [] for name in urls}
            for number in range(rounds):
                for name in list(urls)[:: -1 if number % 2 else 1]:  # none is always the first
                    rates[name].append(rate(urls[name], script, connections, seconds, clients))
            print(f"{model.title:36} {connections:2} connection(s)  {'  '.join(texts(rates))}", flush=True)


def texts(rates: dict[str, list[float]]) -> Iterator[str]:
    """The median rate of each server, and the ratios to the yardstick."""
    for name, found in rates.items():
        ratios = [one / bare for one, bare in zip(found, rates["yardstick"], strict=True)]
        spread = f"({min(ratios):.2f}-{max(ratios):.2f})"
        ratio = "" if name == "yardstick" else f" x {statistics.median(ratios):.2f} {spread}"
        yield f"{name} {statistics.median(found):.0f}/s{ratio}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--only", choices=CONNECTIONS, default=None)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: install it, on Debian with 'apt-get install wrk'")
    folder = made()
    for model in MODELS:
        if options.only in (None, model.name):
            compare(model, folder, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
