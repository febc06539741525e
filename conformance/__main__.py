"""`make conformance`: proves every operation and writes the table, src/lightship/engines/openvino/proven.json."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from conformance.table import table
from conformance.worker import graphs

TABLE = Path(__file__).parents[1] / "src/lightship/engines/openvino/proven.json"
_WORKERS = 2


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    parser.add_argument("--report", type=Path, help="also write what was found of each graph, a line of JSON each")
    parser.add_argument("--only", help="try the graphs of this operation, and write no table")
    options = parser.parse_args()
    every = graphs()
    chosen = [number for number, graph in enumerate(every) if options.only in (None, graph.op)]
    results = sorted(_all(chosen, len(every)), key=lambda result: result["done"])
    for result in results:
        for text in result["wrong"][:1]:
            print(f"WRONG {result['op']}: {text}")
    if options.report:
        options.report.write_text("".join(json.dumps(result) + "\n" for result in results))
    if options.only is None:
        TABLE.write_text(json.dumps(table(results), indent=1) + "\n")
    print(summary(results))
    return 0


def summary(results: list[dict[str, Any]]) -> str:
    made = table(results)["operations"]
    kinds = sum(len(entry["types"]) for entry in made.values())
    cases = sum(result["cases"] for result in results)
    wrong = sorted({result["op"] for result in results if result["wrong"]})
    return (
        f"{len(made)} operations, {kinds} combinations of types, {len(results)} graphs, {cases} cases; "
        f"with differences: {', '.join(wrong) or 'none'}"
    )


def _all(chosen: list[int], count: int) -> list[dict[str, Any]]:
    if len(chosen) < count:
        return [result for number in chosen for result in _run(number, number + 1, 1)]
    with ThreadPoolExecutor(_WORKERS) as workers:
        parts = workers.map(lambda first: list(_run(first, count, _WORKERS)), range(_WORKERS))
        return [result for part in parts for result in part]


def _run(first: int, last: int, step: int) -> Iterator[dict[str, Any]]:
    """The results of some graphs; one that ends its process is wrong, and the next ones get another process."""
    while first < last:
        begun = done = None
        command = [sys.executable, "-m", "conformance.worker", str(first), str(last), str(step)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as worker:
            assert worker.stdout is not None
            for line in worker.stdout:
                said = json.loads(line)
                if "begun" in said:
                    begun = said["begun"]
                else:
                    done = said["done"]
                    yield said
        if begun is None or begun == done:
            if worker.returncode != 0:
                raise RuntimeError(
                    f"graph {first} could not be tried: python -m conformance.worker {first} {first + 1} 1"
                )
            return
        print(f"graph {begun} ended its process with {worker.returncode}", flush=True)
        op = graphs()[begun].op
        yield {
            "done": begun,
            "op": op,
            "cases": 1,
            "answered": 0,
            "refused": "",
            "wrong": ["the process ended"],
            "nodes": [],
        }
        first = begun + step


if __name__ == "__main__":
    sys.exit(main())
