"""`python -m fuzz.graphs --seconds 600`, or `--seed 123` for one graph again."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import Counter

# A fresh process now and then, since TensorFlow keeps what it once compiled.
_GRAPHS_A_PROCESS = 100
# Without a word for so long, a graph hangs.
_GRAPH_SECONDS = 120


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz.graphs", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, help="run this graph alone")
    parser.add_argument("--first", type=int, default=int(time.time()), help="the first graph's number")
    options = parser.parse_args()
    if options.seed is not None:
        return 1 if _process(options.seed, 1, Counter()) else 0
    end, seed, found, engines = time.monotonic() + options.seconds, options.first, 0, Counter[str]()
    while time.monotonic() < end:
        found += _process(seed, _GRAPHS_A_PROCESS, engines)
        seed += _GRAPHS_A_PROCESS
    print(f"{sum(engines.values())} graphs, {dict(engines)}: {found} findings")
    return 1 if found else 0


def _process(first: int, count: int, engines: Counter[str]) -> int:
    """Runs graphs in a process of their own, and again from the next one where a graph ends it; how many findings."""
    found = 0
    while count > 0:
        started, wrong = _run(first, count, engines)
        found += wrong
        done = started - first + 1
        first, count = first + done, count - done
    return found


def _run(first: int, count: int, engines: Counter[str]) -> tuple[int, int]:
    """The last graph that was begun, and the number of findings."""
    command = [sys.executable, "-m", "fuzz.graphs.worker", str(first), str(count)]
    timeout = _GRAPH_SECONDS + 5 * count
    begun, found, finished = first, 0, False
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as worker:
        assert worker.stdout is not None
        end = time.monotonic() + timeout
        for line in worker.stdout:
            word, _, rest = line.strip().partition(" ")
            if word == "start":
                begun, finished = int(rest), False
            elif word == "done":
                finished = True
                _, engine, *wrong = rest.split(" ", 2)
                engines[engine] += 1
                found += len(wrong)
                for text in wrong:
                    print(text, flush=True)
            if time.monotonic() > end:
                worker.kill()
    if not finished or worker.returncode not in (0, None):
        print(f"WRONG graph {begun} ended the process with {worker.returncode}", flush=True)
        found += 1
        engines["ended"] += 1
    return begun, found


if __name__ == "__main__":
    sys.exit(main())
