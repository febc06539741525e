"""`lightship bench` beside `wrk` over REST and `h2load` over gRPC, on the toy, in interleaved turns.

Needs `wrk` and `h2load` (Debian's wrk and nghttp2-client). All send the same request over as many connections, with one
call at a time on each. Where there are two processors, the server has one and the load the other.
Usage: python -m benchmarks.bench_agreement [--rounds 9] [--seconds 2] [--connections 1 8 32]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import grpc_servers, rest
from benchmarks.models import MODELS, made

from lightship.bench.child_server import ChildAddresses, ChildServer
from lightship.bench.fleet import Fleet, RunPlan
from lightship.bench.payload import made_up
from lightship.bench.requests import Prepared, prepare
from lightship.bench.served import find_served

TOY = MODELS[0]
WARM_UP = 0.3
Measure = Callable[[int], float]


def prepared(url: str) -> Prepared:
    served = find_served(url, 30, None)
    return prepare(served, made_up(served.metadata, None, 1, {}), "binary" if served.grpc else "list", 30)


@contextmanager
def on_processors(processors: Sequence[int]) -> Iterator[None]:
    """Lets what is started in the block run on these only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def compare(name: str, others: str, tools: dict[str, Measure], connections: Sequence[int], rounds: int) -> None:
    for count in connections:
        rates: dict[str, list[float]] = {tool: [] for tool in tools}
        for number in range(rounds):
            for tool in list(tools)[:: -1 if number % 2 else 1]:  # neither is always the first
                rates[tool].append(tools[tool](count))
        ratios = [one / other for one, other in zip(rates["bench"], rates[others], strict=True)]
        medians = {tool: statistics.median(found) for tool, found in rates.items()}
        print(
            f"{name} {count:3} connection(s)  "
            + "  ".join(f"{tool} {median:.0f}/s" for tool, median in medians.items())
            + f"  ratio of the medians {medians['bench'] / medians[others]:.2f}"
            + f"  of the turns {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})",
            flush=True,
        )


def measure_all(addresses: ChildAddresses, clients: Sequence[int], options: argparse.Namespace) -> None:
    seconds = options.seconds
    with tempfile.TemporaryDirectory() as scratch, on_processors(clients), Fleet(1) as fleet:
        over_rest, over_grpc = prepared(addresses.rest), prepared(addresses.grpc)
        fleet.know("REST", over_rest.endpoint)
        fleet.know("gRPC", over_grpc.endpoint)
        body, message, script = (Path(scratch, name) for name in ("body", "message", "post.lua"))
        body.write_bytes(over_rest.endpoint.requests[0].partition(b"\r\n\r\n")[2])
        message.write_bytes(over_grpc.endpoint.requests[0])
        script.write_text(rest.SCRIPT % body)

        def ours(name: str) -> Measure:
            def measure(count: int) -> float:
                counts = fleet.run(name, RunPlan(count, seconds, WARM_UP))
                if counts.failed:
                    raise RuntimeError(f"{name}: {counts.errors}")
                return counts.rate

            return measure

        def wrk(count: int) -> float:
            return rest.rate(f"{addresses.rest}:predict", script, count, seconds, clients)

        def h2load(count: int) -> float:
            port = over_grpc.endpoint.address[1]
            return grpc_servers.rate(int(port), message, count, 1, seconds, clients)

        compare("REST", "wrk", {"bench": ours("REST"), "wrk": wrk}, options.connections, options.rounds)
        compare("gRPC", "h2load", {"bench": ours("gRPC"), "h2load": h2load}, options.connections, options.rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32])
    options = parser.parse_args()
    missing = [tool for tool in ("wrk", "h2load") if shutil.which(tool) is None]
    if missing:
        sys.exit(f"{' and '.join(missing)} missing: on Debian 'apt-get install wrk nghttp2-client' installs both")
    folder = made() / TOY.name
    processors = sorted(os.sched_getaffinity(0))
    servers, clients = (processors[:1], processors[1:]) if len(processors) > 1 else (processors, processors)
    with on_processors(servers):
        server = ChildServer(str(folder))
    with server:
        measure_all(server.wait_ready(), clients, options)


if __name__ == "__main__":
    main()
