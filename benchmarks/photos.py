"""Many photos for one client: one after the other, several requests at the same time, or many in one request.

`python -m benchmarks.photos` serves the demo's model, with this process as its client, on the same
processors. All ways are tried in each of some interleaved rounds, over REST and over gRPC. It prints the medians of the
photos a second, of the ratio to one photo after the other, and of the processor time that a photo takes in the client
and in the server.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from demo.assets import fetch
from demo.demo import exported

import lightship
from lightship.client.parallel import in_order

PHOTOS = 64
ROUNDS = int(os.environ.get("ROUNDS", "7"))
MODEL = "dog"

Way = Callable[[lightship.Client, Sequence[Path]], object]


def one_by_one(client: lightship.Client, photos: Sequence[Path]) -> object:
    return [client.classify_image(MODEL, photo) for photo in photos]


def at_once(count: int) -> Way:
    return lambda client, photos: client.classify_images(MODEL, photos, concurrency=count)


def in_one_request(count: int, concurrency: int = 1) -> Way:
    """What a client can do with TensorFlow Serving's own requests: `image_bytes` takes any number of encoded images."""

    def classify(client: lightship.Client, photos: Sequence[Path]) -> object:
        def send(start: int) -> object:
            data = np.array([photo.read_bytes() for photo in photos[start : start + count]], object)
            return client.predict(MODEL, data, signature="image_bytes")

        return list(in_order(send, range(0, len(photos), count), concurrency))

    return classify


WAYS: dict[str, Way] = {
    "one after the other": one_by_one,
    "2 at the same time": at_once(2),
    "4 at the same time": at_once(4),
    "8 at the same time": at_once(8),
    "16 at the same time": at_once(16),
    "32 at the same time": at_once(32),
    "8 in one request": in_one_request(8),
    "32 in one request": in_one_request(32),
    "2 requests of 16 at the same time": in_one_request(16, 2),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that all photos took."""

    wall: float
    client: float
    server: float


def processor_seconds(process: int) -> float:
    user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def measure(url: str, server: int, photos: Sequence[Path]) -> dict[str, list[Cost]]:
    """The costs of each way, by round."""
    costs: dict[str, list[Cost]] = {name: [] for name in WAYS}
    with lightship.Client(url, timeout=300) as client:
        for way in WAYS.values():
            way(client, photos)  # warm
        for _ in range(ROUNDS):
            for name, way in WAYS.items():
                start = time.perf_counter(), time.process_time(), processor_seconds(server)
                way(client, photos)
                end = time.perf_counter(), time.process_time(), processor_seconds(server)
                costs[name].append(Cost(*(late - early for early, late in zip(start, end, strict=True))))
    return costs


def report(transport: str, costs: dict[str, list[Cost]]) -> None:
    base = next(iter(costs.values()))
    print(f"\n| {transport} | photos a second | ratio | client, ms | server, ms |\n|---|---|---|---|---|")
    for name, taken in costs.items():
        ratio = statistics.median(first.wall / one.wall for first, one in zip(base, taken, strict=True))
        rate = PHOTOS / statistics.median(one.wall for one in taken)
        client = statistics.median(one.client for one in taken) * 1000 / PHOTOS
        server = statistics.median(one.server for one in taken) * 1000 / PHOTOS
        print(f"| {name} | {rate:.0f} | {ratio:.2f} | {client:.1f} | {server:.1f} |", flush=True)


def main() -> None:
    assets = fetch()
    photos = [assets.photos[number % len(assets.photos)] for number in range(PHOTOS)]
    command = [Path(sys.executable).with_name("lightship"), "serve", exported(assets).parent, "--rest-port", "auto"]
    command += ["--grpc-port", "auto", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        ready = json.loads(server.stdout.readline())
        try:
            report("REST", measure(ready["url"], server.pid, photos))
            report("gRPC", measure(f"grpc://127.0.0.1:{ready['grpc_port']}", server.pid, photos))
        finally:
            server.terminate()


if __name__ == "__main__":
    sys.exit(main())
