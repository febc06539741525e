"""How a loading model slows others: latency at a fixed rate while ResNet50V2 loads, beside that of quiet times.

One server answers a toy and ResNet50V2. Requests are due at fixed times, and their latency counts from then, so that
a stall counts for all that fall due in it. In each round they are sent for some quiet seconds, and then while new
versions of ResNet50V2 are loaded and replace the old ones. A load lasts from its beginning until `TAIL_SECONDS` after
its end, so that what follows it, such as unloading the version before it, counts too. This is done with requests to the
toy and to ResNet50V2, and with versions whose compiled model is in the cache (warm) and that must be compiled (cold).
Usage: python -m benchmarks.load_spikes [--rounds 5] [--loads 3] [--only toy] [--cache cold]
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

import numpy as np
from benchmarks.load import ask, request_bytes
from benchmarks.models import MODELS, ROOT, Model, made

LOADED = "resnet"
RATES = {"toy": 200.0, "resnet": 10.0}  # requests a second
CONNECTIONS = 16
TAIL_SECONDS = 1.5
SETTLE_SECONDS = 8.0  # in which a fresh server measures what runs cost
TIMEOUT_SECONDS = 120.0


class Answer(NamedTuple):
    """When a request was due, by `time.perf_counter`, and the seconds until it was answered."""

    due: float
    seconds: float
    failed: bool


@dataclass(slots=True)
class OpenLoop:
    """Sends a request at fixed times, whether or not those before it were answered."""

    port: int
    request: bytes
    rate: float
    answers: list[Answer] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _next: float = 0.0
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> OpenLoop:
        self._next = time.perf_counter()
        self._threads = [threading.Thread(target=self._client) for _ in range(CONNECTIONS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _client(self) -> None:
        connection: socket.socket | None = None
        while not self._stop.is_set():
            with self._lock:
                due, self._next = self._next, self._next + 1 / self.rate
            time.sleep(max(0.0, due - time.perf_counter()))
            try:
                connection = connection or socket.create_connection(("127.0.0.1", self.port), timeout=60)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ask(connection, self.request)
                self.answers.append(Answer(due, time.perf_counter() - due, False))
            except (OSError, RuntimeError) as error:
                print(f"failed: {error}", file=sys.stderr)
                self.answers.append(Answer(due, time.perf_counter() - due, True))
                connection = None

    def between(self, start: float, end: float) -> list[Answer]:
        """Returns the answers to requests that fell due or were under way in this time."""
        return [one for one in self.answers if one.due < end and one.due + one.seconds > start]


@dataclass(slots=True)
class Server:
    """A server of a toy and of ResNet50V2, whose versions are files in `folder`."""

    folder: Path
    port: int
    loaded: SimpleQueue[tuple[float, float]]  # when a load began and ended, by `time.perf_counter`
    version: int = 1

    def load(self, source: Path, *, cold: bool) -> tuple[float, float]:
        """Adds a version, and removes the one before it. Returns when it began to load, and when it was loaded."""
        self.version += 1
        publish(source, self.folder / LOADED / str(self.version), f"{self.version}" if cold else "")
        began_and_ended = self.loaded.get(timeout=TIMEOUT_SECONDS)
        time.sleep(TAIL_SECONDS)
        shutil.rmtree(self.folder / LOADED / str(self.version - 1))
        return began_and_ended


def publish(source: Path, version: Path, note: str) -> None:
    """Makes a version folder of links to the files in `source`. A note in a file makes its digest a new one."""
    with tempfile.TemporaryDirectory(dir=version.parents[1]) as scratch:
        copy = Path(scratch, version.name)
        shutil.copytree(source, copy, copy_function=os.link)
        if note:
            (copy / "assets.extra").mkdir(exist_ok=True)
            (copy / "assets.extra" / "note.txt").write_text(f"{note} {time.time_ns()}")
        version.parent.mkdir(exist_ok=True)
        copy.rename(version)


@contextmanager
def serving(models: Path, options: Sequence[str]) -> Iterator[Server]:
    # The folder is beside the models, because links do not lead from one file system to another.
    with tempfile.TemporaryDirectory(dir=models) as scratch:
        folder = Path(scratch)
        for name in RATES:
            publish(models / name / "1", folder / name / "1", "")
        words = [str(folder / name) for name in RATES]
        command = [sys.executable, "-m", "lightship", "serve", *words, "--rest-port", "auto", "--json", *options]
        environment = os.environ | {"LIGHTSHIP_CACHE_DIR": str(folder / "cache")}
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe) as process:
            try:
                assert process.stdout is not None
                assert process.stderr is not None
                loaded: SimpleQueue[tuple[float, float]] = SimpleQueue()
                reading = threading.Thread(target=_read_log, args=(process.stderr, loaded), daemon=True)
                reading.start()
                ready = json.loads(process.stdout.readline())
                time.sleep(SETTLE_SECONDS)
                with _forgotten(loaded):
                    yield Server(folder, int(ready["rest_port"]), loaded)
            finally:
                process.send_signal(signal.SIGTERM)
                reading.join()  # to the end of the log


@contextmanager
def _forgotten(loaded: SimpleQueue[tuple[float, float]]) -> Iterator[None]:
    while True:
        try:
            loaded.get_nowait()
        except Empty:
            break
    yield


def _read_log(log: Any, loaded: SimpleQueue[tuple[float, float]]) -> None:
    for line in log:
        now = time.perf_counter()
        try:
            entry = json.loads(line)
        except ValueError:
            print(line.decode(errors="replace"), end="", file=sys.stderr)
            continue
        if entry.get("model") == LOADED and "seconds" in entry and "engine" in entry:
            loaded.put((now - float(entry["seconds"]), now))
        elif entry.get("level", "").upper() in ("WARNING", "ERROR"):
            print(entry, file=sys.stderr)


def percentile(answers: Sequence[Answer], share: float) -> float:
    """Returns the least latency that is not exceeded by this share of the answers."""
    return sorted(one.seconds for one in answers)[min(len(answers) - 1, int(share * len(answers)))]


class Round(NamedTuple):
    quiet: list[Answer]
    loading: list[Answer]
    load_seconds: list[float]


def one_round(server: Server, model: Model, source: Path, *, cold: bool, loads: int, quiet_seconds: float) -> Round:
    with OpenLoop(server.port, _request(model), RATES[model.name]) as load:
        time.sleep(1.0)
        start = time.perf_counter()
        time.sleep(quiet_seconds)
        quiet = load.between(start, time.perf_counter())
        times = []
        for _ in range(loads):
            times.append(server.load(source, cold=cold))
            time.sleep(0.5)
        time.sleep(1.0)
    loading = [one for began, ended in times for one in load.between(began, ended + TAIL_SECONDS)]
    return Round(quiet, loading, [ended - began for began, ended in times])


def _request(model: Model) -> bytes:
    file = io.BytesIO()
    np.save(file, np.random.default_rng(0).random((1, *model.row), np.float32))
    return request_bytes(f"/v1/models/{model.name}:predict", file.getvalue(), "application/x-npy")


def report(title: str, rounds: Sequence[Round]) -> None:
    ratios = [percentile(one.loading, 0.99) / percentile(one.quiet, 0.99) for one in rounds]
    quiet, loading = (
        [1e3 * statistics.median(percentile(answers, share) for answers in kind) for share in (0.5, 0.99)]
        for kind in ([one.quiet for one in rounds], [one.loading for one in rounds])
    )
    failed = sum(one.failed for round in rounds for one in (*round.quiet, *round.loading))
    sent = sum(len(round.quiet) + len(round.loading) for round in rounds)
    longest = 1e3 * max(one.seconds for round in rounds for one in round.loading)
    took = statistics.median(seconds for round in rounds for seconds in round.load_seconds)
    print(
        f"{title:14} load {took:5.2f} s  p50 {quiet[0]:6.2f} -> {loading[0]:6.2f} ms  "
        f"p99 {quiet[1]:6.2f} -> {loading[1]:6.2f} ms  longest {longest:6.1f} ms  "
        f"p99 ratio {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})  "
        f"failed {failed} of {sent}  load average {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--loads", type=int, default=3, help="in each round")
    parser.add_argument("--quiet-seconds", type=float, default=10.0)
    parser.add_argument("--only", choices=RATES, help="requests to this model only")
    parser.add_argument("--cache", choices=("warm", "cold"), help="loads of this kind only")
    parser.add_argument("--serve", default="", help="further options of `lightship serve`")
    options = parser.parse_args()
    models = made()
    chosen = [model for model in MODELS if model.name in RATES and options.only in (None, model.name)]
    with serving(models, options.serve.split()) as server:
        gc.disable()  # a collection would delay the requests that fall due
        for cache in ("warm", "cold"):
            for model in chosen if options.cache in (None, cache) else ():
                rounds = [
                    one_round(
                        server,
                        model,
                        models / LOADED / "1",
                        cold=cache == "cold",
                        loads=options.loads,
                        quiet_seconds=options.quiet_seconds,
                    )
                    for _ in range(options.rounds)
                ]
                report(f"{model.name}, {cache}", rounds)


if __name__ == "__main__":
    main()
