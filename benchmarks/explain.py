"""What an explanation takes beside a prediction: processor time of the server for a photo.

`python -m benchmarks.explain [--model models/dog] [--calls 40] [--rounds 9]` serves a model, and asks it for labels and
for explanations of the same photo, one request after the other over one connection. All ways are tried in each of some
interleaved rounds. It prints the medians of a call's processor time, and of its ratio to `:predict` in the same round.
The model must have been exported with explanations; that of `make demo` is.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx2
from demo.assets import fetch
from demo.demo import ROOT

TICK = os.sysconf("SC_CLK_TCK")
Headers = Mapping[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "dog", help="a folder with versions in it")
    parser.add_argument("--calls", type=int, default=40, help="calls of each way in a round")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    command = [sys.executable, "-c", "from lightship.cli import main; main()", "serve", str(options.model)]
    with subprocess.Popen(
        [*command, "--rest-port", "auto", "--json", "--timeout", "600"], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        try:
            report(measure(f"{url}/v1/models/{options.model.name}", server.pid, options.calls, options.rounds))
        finally:
            server.terminate()


def ways(methods: Sequence[str]) -> dict[str, tuple[str, Headers]]:
    """The end of the URL and the headers of each way. The first is what the others are compared with."""
    explain = {f":explain, {method}": (f":explain?method={method}".replace("+", "%2B"), {}) for method in methods}
    others: dict[str, tuple[str, Headers]] = {
        ":explain, the best three classes": (":explain?top=3", {}),
        ":explain, as PNG": (":explain", {"Accept": "image/png"}),
    }
    return {":predict": (":predict", {}), **explain, **others}


def measure(url: str, server: int, calls: int, rounds: int) -> dict[str, list[float]]:
    """Returns the seconds of processor time of a call, by way and round."""
    photo = fetch().photo.read_bytes()
    with httpx2.Client(timeout=300) as http:
        document = http.get(url.partition("/v1/")[0] + "/openapi.json").json()
        name = url.rpartition("/")[2]
        (model,) = (one for one in document["x-lightship-models"] if one["name"] == name)
        explain = model["versions"][0]["explain"]
        if explain is None:
            raise SystemExit(f"{name} was exported without explanations: export it again")
        tried = ways(explain["methods"])
        for ending, headers in tried.values():  # compiles what is missing
            _ask(http, url + ending, photo, headers, 5)
        time.sleep(2)  # until what the server does on the side has ended
        seconds: dict[str, list[float]] = {way: [] for way in tried}
        for _ in range(rounds):
            for way, (ending, headers) in tried.items():
                begun = _processor_seconds(server)
                _ask(http, url + ending, photo, headers, calls)
                seconds[way].append((_processor_seconds(server) - begun) / calls)
    return seconds


def report(seconds: Mapping[str, Sequence[float]]) -> None:
    base = next(iter(seconds.values()))
    print("| | processor time, ms | ratio | lowest and highest round |\n|---|---|---|---|")
    for way, taken in seconds.items():
        ratios = sorted(one / first for first, one in zip(base, taken, strict=True))
        spread = f"{ratios[0]:.2f}-{ratios[-1]:.2f}"
        print(f"| {way} | {statistics.median(taken) * 1000:.1f} | {statistics.median(ratios):.2f} | {spread} |")


def _ask(http: httpx2.Client, url: str, photo: bytes, headers: Headers, calls: int) -> None:
    for _ in range(calls):
        http.post(url, content=photo, headers={"Content-Type": "image/jpeg", **headers}).raise_for_status()


def _processor_seconds(process: int) -> float:
    user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICK


if __name__ == "__main__":
    main()
