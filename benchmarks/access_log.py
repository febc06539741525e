"""What the access log costs: processor time of a request with and without it, paired, and their ratios.

First by the calls that arrive in one turn of the event loop, as in `benchmarks.turns`: only the threads of the event
loop and of the log count, so that a busy machine hardly matters. Then, with `--servers`, by whole servers under load,
which needs `wrk` and `h2load`. Each server has a process of its own, and is idle while the other one is asked, in pairs
whose order alternates. The log goes into a file. A ratio of 1.03 means that a request costs 3 % more with it.
Usage: python -m benchmarks.access_log [--form text] [--rounds 40] [--servers] [--seconds 2]
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks import turns
from benchmarks.commits import compare_requests, install
from benchmarks.models import MODELS, ROOT, made

CALLERS = {"REST": turns.RestCaller, "gRPC": turns.GrpcCaller}
NAMES = ("without", "with")


def measure(asked: Connection, form: str | None, log: Path) -> None:
    """Answers each (transport, calls in a turn) with the microseconds of a call, until it is asked for nothing."""
    server = turns.started() if form is None else turns.started(access_log=form, access_log_file=log)
    turns.wait_for_costs(server)
    loop = turns.Loop(server, [thread for thread in threading.enumerate() if thread.name == "access-log"])
    callers: dict[tuple[str, int], Sequence[turns.Caller]] = {}
    while question := asked.recv():
        transport, calls = question
        if question not in callers:
            callers[question] = [CALLERS[transport](server) for _ in range(calls)]
            for _ in range(8):  # the first runs of each size are made on threads
                loop.turn(callers[question])
                time.sleep(0.2)
        asked.send(loop.microseconds(callers[question]) / calls)
    server.stop()


def compare_turns(form: str, log: Path, numbers: Sequence[int], rounds: int) -> None:
    sides: list[Connection] = []
    processes = []
    context = multiprocessing.get_context("spawn")
    for one in (None, form):
        ours, theirs = context.Pipe()
        process = context.Process(target=measure, args=(theirs, one, log))
        process.start()
        processes.append(process)
        sides.append(ours)
    for transport in CALLERS:
        for calls in numbers:
            pairs = [pair(sides, (transport, calls), turn % 2) for turn in range(rounds + 1)][1:]
            report(f"{transport}, {calls} calls a turn", pairs)
    for side in sides:
        side.send(None)
    for process in processes:
        process.join()


def pair(sides: Sequence[Connection], question: tuple[str, int], first: int) -> tuple[float, float]:
    found = [0.0, 0.0]
    for place in (first, 1 - first):
        sides[place].send(question)
        found[place] = sides[place].recv()
    return found[0], found[1]


def report(title: str, pairs: Sequence[tuple[float, float]]) -> None:
    without, logged = (statistics.median(one[place] for one in pairs) for place in (0, 1))
    ratios = sorted(logged / without for without, logged in pairs)
    quarter = len(ratios) // 4
    print(
        f"{title:24} without {without:6.1f} us  with {logged:6.1f} us  "
        f"more {statistics.median(b - a for a, b in pairs):5.2f} us  ratio {statistics.median(ratios):.3f} "
        f"({ratios[quarter]:.3f}-{ratios[-1 - quarter]:.3f})",
        flush=True,
    )


def compare_servers(form: str, log: Path, scratch: Path, rounds: int, seconds: int) -> None:
    without = install(ROOT, scratch)
    logged = replace(without, options=("--access-log", form, "--access-log-file", str(log)))
    toy = next(model for model in MODELS if model.name == "toy")
    compare_requests((without, logged), toy, made(), "both", rounds, seconds, NAMES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--form", choices=("text", "json"), default="text")
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--servers", action="store_true", help="measure whole servers too")
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch, "access.log")
        compare_turns(options.form, log, options.calls, options.rounds)
        if options.servers:
            compare_servers(options.form, log, Path(scratch), options.rounds, options.seconds)
        lines = log.read_bytes().splitlines()
        dropped = sum(b"dropped" in line for line in lines)
        print(f"{len(lines)} lines, {sum(map(len, lines)) / len(lines):.0f} bytes each, {dropped} about dropped ones")


if __name__ == "__main__":
    main()
