"""What a server makes of more cores: requests or calls a second on 1, 2, 4 and 8 cores, over REST and gRPC.

Beside one server there are as many servers of one core each as there are cores, which is what a machine can give.
Servers of all sizes run at once, those idle that are not asked, and the rounds are interleaved; medians are printed.
The clients have the other cores; where there are none, they share the server's. Needs `h2load` (nghttp2-client).
Usage: python -m benchmarks.scaling [--cores 1,2,4,8] [--rounds 3] [--seconds 2] [--only toy] [-- FLAGS OF SERVE]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.grpc_servers import HEADERS, PREDICT, rate_in, request_of
from benchmarks.models import MODELS, Model, made
from benchmarks.rest import SETTLE_SECONDS, body_of, on_cores

_JSON = ("content-type: application/json",)
_WARM_UP = 0.5  # seconds that a server is asked before it is measured, so that it has its threads and its models


@dataclass(frozen=True, slots=True)
class Row:
    """A load: `streams` calls at once on each connection; over REST there is one."""

    model: str
    transport: str
    connections: int
    streams: int = 1

    @property
    def title(self) -> str:
        at_once = f"{self.connections} connections" + (f" of {self.streams} calls" if self.streams > 1 else "")
        return f"{self.model}, {self.transport}, {at_once}"


ROWS = (
    Row("toy", "REST", 32),
    Row("toy", "gRPC", 4, 32),
    Row("mobilenet", "REST", 4),
    Row("mobilenet", "REST", 16),
    Row("mobilenet", "gRPC", 4, 4),
    Row("mobilenet", "gRPC", 1, 8),
)


@dataclass(slots=True)
class Servers:
    """Servers that are asked together, with the cores that they have and their ports by transport."""

    title: str
    cores: tuple[int, ...]
    ports: list[dict[str, int]] = field(default_factory=list)

    @property
    def clients(self) -> tuple[int, ...]:
        """The cores for the clients."""
        others = tuple(core for core in sorted(os.sched_getaffinity(0)) if core not in self.cores)
        return others or self.cores


@contextmanager
def serving(model: Path, cores: Sequence[int], flags: Sequence[str]) -> Iterator[dict[str, int]]:
    """Starts a server on these cores and returns its ports by transport."""
    lightship = [sys.executable, "-m", "lightship", "serve", str(model), "--rest-port", "auto", "--grpc-port", "auto"]
    command = on_cores([*lightship, "--json", *flags], cores)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[1]
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"{' '.join(command)} ended with {process.wait()}")
            told: dict[str, Any] = json.loads(line)
            yield {"REST": int(told["rest_port"]), "gRPC": int(told["grpc_port"])}
        finally:
            process.terminate()


def started(model: Path, sizes: Sequence[int], flags: Sequence[str], stack: ExitStack) -> list[Servers]:
    """Starts one server of each number of cores, and as many servers of one core as the largest has."""
    found = []
    processors = tuple(sorted(os.sched_getaffinity(0)))
    for size in sizes:
        servers = Servers(f"{size}", processors[:size])
        servers.ports.append(stack.enter_context(serving(model, servers.cores, flags)))
        found.append(servers)
    largest = max(sizes)
    if largest > 1:
        servers = Servers(f"{largest} servers of 1", processors[:largest])
        for core in servers.cores:
            servers.ports.append(stack.enter_context(serving(model, [core], flags)))
        found.append(servers)
    return found


def rate(servers: Servers, row: Row, body: Path, seconds: float) -> float:
    """Returns the calls a second of all servers together. Raises RuntimeError for calls that did not end well."""
    with ThreadPoolExecutor(len(servers.ports)) as threads:
        shares = _shared(row.connections, len(servers.ports))
        rates = threads.map(
            lambda ports, connections: _asked(ports[row.transport], row, connections, body, seconds, servers.clients),
            servers.ports,
            shares,
        )
        return sum(rates)


def _shared(connections: int, servers: int) -> list[int]:
    """Returns each server's connections. Each has one at least, since one without work would say nothing."""
    return [max(1, connections // servers + (index < connections % servers)) for index in range(servers)]


def _asked(port: int, row: Row, connections: int, body: Path, seconds: float, cores: Sequence[int]) -> float:
    threads = min(connections, max(1, len(cores) // 2))
    load = ["h2load", f"-D{round(1000 * seconds)}ms", f"--warm-up-time={round(1000 * _WARM_UP)}ms"]
    load += [f"-c{connections}", f"-t{threads}", "-d", str(body)]
    path = PREDICT
    if row.transport == "REST":
        load, path = [*load, "--h1"], f"/v1/models/{row.model}:predict"
    headers = [word for header in (_JSON if row.transport == "REST" else HEADERS) for word in ("-H", header)]
    command = on_cores([*load, f"-m{row.streams}", *headers, f"http://127.0.0.1:{port}{path}"], cores)
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return rate_in(text)


def measure(model: Model, options: argparse.Namespace) -> None:
    rows = [row for row in ROWS if row.model == model.name]
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bodies = bodies_of(model, scratch)
        all_servers = started(options.models / model.name, options.cores, options.flags, stack)
        time.sleep(options.settle)
        for row in rows:
            rates: dict[str, list[float]] = {servers.title: [] for servers in all_servers}
            for _ in range(options.rounds):
                for servers in all_servers:
                    rates[servers.title].append(rate(servers, row, bodies[row.transport], options.seconds))
            tell(row, rates)


def bodies_of(model: Model, folder: Path) -> dict[str, Path]:
    """Writes what is sent to ask the model into files, and returns these by transport."""
    rest, grpc = folder / "body.json", folder / "message"
    rest.write_bytes(body_of(model))
    message = request_of(model)
    grpc.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
    return {"REST": rest, "gRPC": grpc}


def tell(row: Row, rates: dict[str, list[float]]) -> None:
    """Prints the medians, and their ratios to the first."""
    base = next(iter(rates.values()))
    cells = []
    for found in rates.values():
        ratio = statistics.median(one / first for one, first in zip(found, base, strict=True))
        cells.append(f"{statistics.median(found):,.0f} ({ratio:.2f})")
    print(f"| {row.title} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--cores", type=_numbers, default=None, help="numbers of cores: 1,2,4,8 as far as there are cores"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--only", choices=[model.name for model in MODELS], default=None)
    parser.add_argument("--models", type=Path, default=None, help="folder of the models; made by default")
    parser.add_argument("--settle", type=float, default=SETTLE_SECONDS, help="seconds between the starts and the loads")
    parser.add_argument("flags", nargs="*", help="flags of lightship serve, after --")
    options = parser.parse_args()
    if shutil.which("h2load") is None:
        sys.exit("h2load is missing: install it, on Debian with 'apt-get install nghttp2-client'")
    there = len(os.sched_getaffinity(0))
    options.cores = options.cores or [size for size in (1, 2, 4, 8) if size <= max(2, there // 2)]
    if max(options.cores) > there:
        sys.exit(f"--cores asks for {max(options.cores)} cores; this machine has {there}")
    options.models = options.models or made()
    titles = [f"{size} cores" if size > 1 else "1 core" for size in options.cores]
    titles += [f"{max(options.cores)} servers of 1 core"] if max(options.cores) > 1 else []
    print(f"{there} cores; calls a second (ratio to the first column); flags: {' '.join(options.flags) or 'none'}")
    print("| load | " + " | ".join(titles) + " |\n|---|" + "---|" * len(titles))
    for model in MODELS:
        if options.only in (None, model.name) and any(row.model == model.name for row in ROWS):
            measure(model, options)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
