"""What joining calls gains: calls a second of a server that joins them, beside one with `--no-join`.

Both run at once, one idle while the other is asked, in interleaved rounds; medians are printed. The toy has one core
and the client another one; the image models have two. Each client sends as soon as it was answered, so twice the rate
is half the mean latency. Needs `h2load` (Debian's nghttp2-client).
Usage: python -m benchmarks.joining [--rounds 5] [--seconds 1] [--only toy]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.models import MODELS, Model, made
from benchmarks.scaling import SETTLE_SECONDS, Row, Servers, bodies_of, rate, serving

_TOY = ((1, 1), (2, 4), (4, 8))  # connections of gRPC, and the calls on each
_IMAGES = ((1, 1), (2, 2), (4, 4), (4, 16))


def rows_of(model: Model) -> list[Row]:
    streams = _TOY if model.name == "toy" else _IMAGES
    calls = [connections * each for connections, each in streams]
    return [Row(model.name, "REST", one) for one in calls] + [Row(model.name, "gRPC", *one) for one in streams]


def compare(model: Model, folder: Path, rounds: int, seconds: float, settle: float) -> None:
    processors = tuple(sorted(os.sched_getaffinity(0)))
    cores = processors[: min(model.cores, len(processors))]
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bodies = bodies_of(model, scratch)
        servers = {}
        for name, flags in (("alone", ["--no-join"]), ("joined", [])):
            ports = stack.enter_context(serving(folder / model.name, cores, flags))
            servers[name] = Servers(name, cores, [ports])
        time.sleep(settle)
        for row in rows_of(model):
            rates: dict[str, list[float]] = {name: [] for name in servers}
            for _ in range(rounds):
                for name, some in servers.items():
                    rates[name].append(rate(some, row, bodies[row.transport], seconds))
            tell(row, rates)


def tell(row: Row, rates: dict[str, list[float]]) -> None:
    ratios = [joined / alone for joined, alone in zip(rates["joined"], rates["alone"], strict=True)]
    alone, joined, ratio = map(statistics.median, (rates["alone"], rates["joined"], ratios))
    spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
    print(f"{row.title:45} alone {alone:8,.0f}/s  joined {joined:8,.0f}/s  x {ratio:.2f} ({spread})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--only", choices=[model.name for model in MODELS], default=None)
    parser.add_argument("--models", type=Path, default=None, help="folder of the models; made by default")
    parser.add_argument("--settle", type=float, default=SETTLE_SECONDS, help="seconds between the starts and the loads")
    options = parser.parse_args()
    if shutil.which("h2load") is None:
        sys.exit("h2load is missing: install it, on Debian with 'apt-get install nghttp2-client'")
    folder = options.models or made()
    for model in MODELS:
        if options.only in (None, model.name):
            compare(model, folder, options.rounds, options.seconds, options.settle)


if __name__ == "__main__":
    main()
