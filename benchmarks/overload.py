"""Ten times the calls that a server can take, for a minute: how long answers and refusals take, and when it is over.

First as many calls as there are clients at capacity, each sent when the one before was answered; then calls at a fixed
rate. With a photo for the demo's dog model, and with a gzip of 1.2 MB of numbers for the toy. Server and clients have a
core each. Ends with 1 if an aim is missed.
Usage: python -m benchmarks.overload [--seconds 60] [--factor 10] [--only toy]
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Mapping

from benchmarks.attacks.__main__ import Side, chosen, demo_models
from benchmarks.attacks.overload import Result, median, numbers_request, overload, photo_request, share
from benchmarks.attacks.target import Address, serving

REQUESTS: Mapping[str, Callable[[Address], bytes]] = {"toy": numbers_request, "photos": photo_request}
MAX_SLOWER = 2.0  # times of the latency at capacity
MAX_REFUSAL = 0.1  # seconds
MAX_RECOVERY = 1.0  # seconds


def measure(side: Side, request: Callable[[Address], bytes], seconds: float, factor: float) -> Result:
    cores = sorted(os.sched_getaffinity(0))
    flags, models = side.options(), demo_models()
    with serving(models, flags, cores=cores[:1], environment=side.environment, command=side.command) as server:
        os.sched_setaffinity(0, cores[1:] or cores)
        try:
            return overload(server.address, request(server.address), seconds, factor)
        finally:
            os.sched_setaffinity(0, cores)


def misses(result: Result) -> list[str]:
    """What is not as it should be."""
    found = []
    for name, latency in (("median", median), ("99th percentile", lambda seconds: share(seconds, 0.99))):
        slower = latency(result.overloaded.answered) / latency(result.at_capacity.answered)
        if not slower <= MAX_SLOWER:
            found.append(f"answers take {slower:.1f} times as long as at capacity ({name}), aim {MAX_SLOWER:g}")
    refusal = share(result.overloaded.refused, 0.99)
    if not refusal <= MAX_REFUSAL:
        found.append(f"refusals take {1000 * refusal:.0f} ms, aim {1000 * MAX_REFUSAL:.0f}")
    if result.recovery > MAX_RECOVERY:
        found.append(f"the next client waits {result.recovery:.1f} s, aim {MAX_RECOVERY:g}")
    return found


def report(name: str, result: Result) -> None:
    calls = result.overloaded
    print(f"{name}: at capacity {result.capacity:.0f}/s, {_latencies(result.at_capacity.answered)}")
    print(f"  offered {result.offered:.0f}/s: {dict(calls.statuses)}")
    print(f"  answered: {_latencies(calls.answered)}; refused: {_latencies(calls.refused)}")
    print(f"  a new client afterwards: {1000 * result.recovery:.0f} ms")
    for missed in misses(result):
        print(f"  MISSED: {missed}")
    sys.stdout.flush()


def _latencies(seconds: list[float]) -> str:
    if math.isnan(median(seconds)):
        return "none"
    return f"median {1000 * median(seconds):.1f} ms, 99th percentile {1000 * share(seconds, 0.99):.1f} ms"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--factor", type=float, default=10.0, help="times the capacity")
    parser.add_argument("--only", choices=REQUESTS)
    parser.add_argument("--commit", help="measure this commit's package instead of the working tree's")
    options = parser.parse_args()
    missed = 0
    with chosen(options.commit) as side:
        for name, request in REQUESTS.items():
            if options.only in (None, name):
                result = measure(side, request, options.seconds, options.factor)
                report(name, result)
                missed += bool(misses(result))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
