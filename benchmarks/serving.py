"""`lightship serve` beside the naive FastAPI + Keras server: rates, start to first answer, resident memory.

Both servers run at once, one of them idle while the other is measured, in interleaved rounds; medians are printed.
Usage: python -m benchmarks.serving [--rounds 5] [--seconds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from benchmarks.load import ask, request_bytes, run
from benchmarks.ports import free_port
from demo.assets import fetch
from demo.demo import exported

from lightship.bundle.bundle import open_bundle
from lightship.images.prepare import prepare

ROOT = Path(__file__).parents[1]


@contextmanager
def started(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stdout=quiet, stderr=quiet)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def first_answer(port: int, request: bytes, process: subprocess.Popen[bytes]) -> float:
    """Seconds until the first 200."""
    start = time.perf_counter()
    while process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
                ask(connection, request)
            return time.perf_counter() - start
        except (OSError, RuntimeError):
            time.sleep(0.01)
    raise SystemExit(f"{process.args} ended with {process.returncode}")


def resident_megabytes(process: subprocess.Popen[bytes]) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    assets = fetch()
    version = exported(assets)
    image = open_bundle(version, "dog", 1).image
    assert image is not None
    instance = prepare(assets.photo.read_bytes(), image)
    body = json.dumps({"instances": instance[np.newaxis].astype(np.float64).tolist()}).encode()
    ours, theirs = free_port(), free_port()
    requests = {
        "lightship, float list": (ours, request_bytes("/v1/models/dog:predict", body)),
        "lightship, JPEG": (ours, request_bytes("/v1/models/dog:predict", assets.photo.read_bytes(), "image/jpeg")),
        "FastAPI + Keras, float list": (theirs, request_bytes("/predict", body)),
    }
    print(f"float list: {len(body) / 1e6:.2f} MB; JPEG: {assets.photo.stat().st_size / 1e3:.0f} kB")
    script = str(Path(sys.executable).with_name("lightship"))
    serve = [script, "serve", str(version.parent), "--rest-port", str(ours)]
    # Without workers the server is one process, whose memory is measured.
    naive = [sys.executable, "-m", "hypercorn", "--workers", "0", "--bind", f"127.0.0.1:{theirs}"]
    naive.append("benchmarks.naive_server:app")
    with started(serve, {}) as lightship:
        print(f"lightship: first answer after {first_answer(*requests['lightship, float list'], lightship):.2f} s")
        with started(naive, {"MODEL": str(assets.model)}) as fastapi:
            started_after = first_answer(*requests["FastAPI + Keras, float list"], fastapi)
            print(f"FastAPI: first answer after {started_after:.2f} s")
            compare(requests, options.rounds, options.seconds)
            for name, server in (("lightship", lightship), ("FastAPI", fastapi)):
                print(f"{name}: {resident_megabytes(server):.0f} MB resident")


def compare(requests: dict[str, tuple[int, bytes]], rounds: int, seconds: float) -> None:
    for connections in (1, 4):
        rates: dict[str, list[float]] = {name: [] for name in requests}
        worst: dict[str, list[float]] = {name: [] for name in requests}
        for _ in range(rounds):
            for name, (port, request) in requests.items():
                load = run(port, request, connections, seconds)
                rates[name].append(load.rate)
                worst[name].append(load.percentile(0.99) * 1000)
        base = statistics.median(rates["FastAPI + Keras, float list"])
        for name in requests:
            rate, p99 = statistics.median(rates[name]), statistics.median(worst[name])
            print(f"{connections} connection(s)  {name:30} {rate:8.1f}/s  x{rate / base:<6.1f} p99 {p99:.1f} ms")


if __name__ == "__main__":
    main()
