"""OpenVINO beside the TensorFlow engine: the run stage alone, and whole requests with binary tensors.

MobileNetV2, EfficientNetB0 and ResNet50V2, one photo at a time, in f32 and in what else the processor has, with the
figures of its check. The engines take turns; the figures are medians of the rounds. Processor time counts all
threads, so that load on the machine matters less than in elapsed time.

Usage: python -m benchmarks.engines [--rounds 5] [--seconds 2] [--svg docs/images/engines.svg]
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from benchmarks.bars import save_bars
from benchmarks.networks import NETWORKS, ROOT, Network, versions

from lightship.bundle.bundle import open_bundle
from lightship.engines import EngineOptions
from lightship.engines.base import Precision
from lightship.engines.precision import load_checked_engine, why_missing
from lightship.errors import FailedPrecondition
from lightship.server import Server, ServerOptions, parse_model_argument

SVG = ROOT / "docs" / "images" / "engines.svg"
REFERENCE = "TensorFlow"
OTHERS: tuple[Precision, ...] = ("bf16", "fp16")
DEFAULT = "serving_default"
# All are measured, whatever the figures of the check, which are printed: weights are random here.
WIDE = EngineOptions(engine="openvino", max_difference=1e9, min_agreement=0.0)
# Each works for so many seconds, and returns how many times it has run.
Work = dict[str, Callable[[float], int]]


@dataclass(slots=True)
class Times:
    """Milliseconds of each round, for one run or request."""

    elapsed: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def engine_options(say: Callable[[str], None]) -> dict[str, EngineOptions]:
    """What is measured, by its name: those precisions that the processor has."""
    found = {REFERENCE: EngineOptions(engine="tensorflow"), "OpenVINO f32": EngineOptions(engine="openvino")}
    for precision in OTHERS:
        reason = why_missing(precision)
        if reason is None:
            found[f"OpenVINO {precision}"] = replace(WIDE, precision=precision)
        else:
            say(f"{precision} is not measured: {reason}")
    return found


def measure(work: Work, rounds: int, seconds: float) -> dict[str, Times]:
    """Lets each do its work for so many seconds in each round, in turns."""
    times = {name: Times() for name in work}
    for one in work.values():
        one(0.0)
    for _ in range(rounds):
        for name, one in work.items():
            begun, processor = time.perf_counter(), time.process_time()
            runs = one(seconds)
            times[name].elapsed.append((time.perf_counter() - begun) / runs * 1000)
            times[name].processor.append((time.process_time() - processor) / runs * 1000)
    return times


def repeated(one: Callable[[], object]) -> Callable[[float], int]:
    """Returns a function that works for so many seconds, at least once, and returns how many times it has run."""

    def work(seconds: float) -> int:
        runs, begun = 0, time.perf_counter()
        while not runs or time.perf_counter() - begun < seconds:
            one()
            runs += 1
        return runs

    return work


def runs(path: Path, network: Network, options: Mapping[str, EngineOptions], stack: ExitStack) -> Work:
    """The run stage: what an engine takes for one row."""
    bundle = open_bundle(path, network.name, 1)
    (name,) = bundle.saved_model.signatures[DEFAULT].inputs
    photo = np.random.default_rng(0).random((1, network.side, network.side, 3), np.float32)
    work: Work = {}
    for title, one in options.items():
        try:
            loaded = load_checked_engine(bundle, one)
        except FailedPrecondition as refused:
            print(f"  {title}: {refused.message}")
            continue
        stack.callback(loaded.engine.close)
        if loaded.checked is not None:
            print(f"  {title}: {loaded.checked}")
        work[title] = repeated(partial(loaded.engine.run, DEFAULT, {name: photo}))
    return work


def requests(path: Path, network: Network, options: Mapping[str, EngineOptions], stack: ExitStack) -> Work:
    """Whole requests over REST, with binary tensors both ways, from a client in a process of its own."""
    work: Work = {}
    for title, one in options.items():
        model = parse_model_argument(f"{network.name}={path.parent}")
        server = Server(ServerOptions([model], rest_port="auto", engine=one, join=False)).start()
        stack.callback(server.stop)
        if not server.wait_ready(300):
            print(f"  {title}: it is not served")
            continue
        work[title] = stack.enter_context(Client(server.rest_port, network)).ask
    return work


class Client:
    """A process that makes one request after the other. Its time is not the server's."""

    def __init__(self, port: int, network: Network) -> None:
        context = multiprocessing.get_context("spawn")
        self._asked, theirs = context.Pipe()
        self._process = context.Process(target=ask, args=(theirs, port, network), daemon=True)

    def __enter__(self) -> Client:
        self._process.start()
        return self

    def __exit__(self, *given: object) -> None:
        self._asked.send(None)
        self._process.join()

    def ask(self, seconds: float) -> int:
        """Lets it ask for so many seconds, at least once, and returns how many requests were answered."""
        self._asked.send(seconds)
        answered = self._asked.recv()
        if isinstance(answered, str):
            raise RuntimeError(answered)
        return int(answered)


def ask(asked: Connection, port: int, network: Network) -> None:
    """Makes requests for so many seconds whenever it is asked, until it is asked for nothing."""
    body = np.random.default_rng(0).random((1, network.side, network.side, 3), np.float32).tobytes()
    head = {
        "Content-Type": "application/octet-stream",
        "Accept": "application/octet-stream",
        "Lightship-Dtype": "float32",
        "Lightship-Shape": f"1,{network.side},{network.side},3",
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def one() -> None:
        connection.request("POST", f"/v1/models/{network.name}:predict", body, head)
        response = connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise RuntimeError(text.decode())

    work = repeated(one)
    while (seconds := asked.recv()) is not None:
        try:
            asked.send(work(seconds))
        except Exception as error:
            asked.send(f"a request failed: {error}")
    connection.close()


def show(network: str, stage: str, times: Mapping[str, Times]) -> dict[str, float]:
    """Prints medians, their spread, and how much faster than TensorFlow. Returns the medians of processor time."""
    medians = {}
    for title, found in times.items():
        medians[title] = statistics.median(found.processor)
        ratios = {
            kind: statistics.median(
                base / own for base, own in zip(getattr(times[REFERENCE], kind), getattr(found, kind), strict=True)
            )
            for kind in ("elapsed", "processor")
        }
        print(
            f"{network:15} {stage:8} {title:14} elapsed {statistics.median(found.elapsed):7.2f} ms "
            f"({min(found.elapsed):.2f}-{max(found.elapsed):.2f}), {ratios['elapsed']:.2f} times as fast; "
            f"processor {medians[title]:7.2f} ms ({min(found.processor):.2f}-{max(found.processor):.2f}), "
            f"{ratios['processor']:.2f} times",
            flush=True,
        )
    return medians


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each engine in each round")
    parser.add_argument("--threads", type=int, default=0, help="of each engine; 0: one per processor")
    parser.add_argument("--svg", type=Path, default=SVG)
    given = parser.parse_args()
    options = {title: replace(one, threads=given.threads) for title, one in engine_options(print).items()}
    groups: dict[str, dict[str, float]] = {}
    paths = versions()
    for network in NETWORKS:
        for stage, work_of in (("run", runs), ("request", requests)):
            with ExitStack() as stack:
                work = work_of(paths[network.name], network, options, stack)
                times = measure(work, given.rounds, given.seconds)
            groups[f"{network.name}, {stage}"] = show(network.name, stage, times)
    save_bars(given.svg, "Processor time of one photo", "ms, medians", groups)
    print(given.svg)


if __name__ == "__main__":
    main()
