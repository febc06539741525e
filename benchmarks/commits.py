"""Another commit beside the working tree: processor time and rate of requests, time of starts, paired, with ratios.

Both are installed from their sources into folders of their own, without their dependencies, which they share.
Both servers run at once, one idle while the other is asked, in pairs whose order alternates. A ratio of times above 1,
or of rates below 1, means that the working tree is slower. Rates need a quiet machine. Needs `wrk` and `h2load`.
Usage: python -m benchmarks.commits COMMIT [--rounds 8] [--seconds 1] [--only toy] [--over grpc] [--starts 8]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import grpc_servers, rest
from benchmarks.models import MODELS, ROOT, Model, made

NAMES = ("before", "now")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Installed:
    """One side: a folder with the package, and one for its cache."""

    packages: Path
    cache: Path
    options: tuple[str, ...] = ()  # of `lightship serve`

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": str(self.packages), "XDG_CACHE_HOME": str(self.cache)}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, str(self.packages / "bin" / "lightship"), *words]


@dataclass(frozen=True, slots=True)
class Server:
    process: subprocess.Popen[bytes]
    rest_port: int
    grpc_port: int

    def processor_seconds(self) -> float:
        """User and system time so far, of the server itself."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


def install(source: Path, folder: Path) -> Installed:
    words = ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target", str(folder / "packages")]
    subprocess.run([sys.executable, "-m", "pip", *words, str(source)], check=True)
    return Installed(folder / "packages", folder / "cache")


def checked_out(commit: str, folder: Path) -> Path:
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    folder.mkdir(parents=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


def serve_command(side: Installed, model: Model, folder: Path) -> list[str]:
    words = ["serve", str(folder / model.name), "--rest-port", "auto", "--grpc-port", "auto", "--json", *side.options]
    return rest.on_cores(side.command(*words), range(model.cores))


@contextmanager
def running(side: Installed, model: Model, folder: Path) -> Iterator[Server]:
    with started(serve_command(side, model, folder), side.environment) as server:
        yield server


@contextmanager
def started(command: list[str], environment: dict[str, str]) -> Iterator[Server]:
    """A server that writes where it listens (`--json`)."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            yield Server(process, int(ready["rest_port"]), int(ready["grpc_port"]))
        finally:
            process.terminate()


def rest_requests(url: str, script: Path, connections: int, seconds: int, cores: Sequence[int]) -> int:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script), url]
    return _count(rest.on_cores(command, cores), r"(\d+) requests in", "Non-2xx")


def grpc_calls(port: int, body: Path, connections: int, streams: int, seconds: int, cores: Sequence[int]) -> int:
    load = ["h2load", f"-D{seconds}", f"-c{connections}", f"-m{streams}", "-t1", "-d", str(body)]
    headers = [word for header in grpc_servers.HEADERS for word in ("-H", header)]
    command = [*load, *headers, f"http://127.0.0.1:{port}{grpc_servers.PREDICT}"]
    return _count(rest.on_cores(command, cores), r"(\d+) succeeded", " 1 failed")


def _count(command: list[str], pattern: str, failure: str) -> int:
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(pattern, text)
    if found is None or not int(found[1]) or failure in text:
        raise RuntimeError(text)
    return int(found[1])


def compare(
    title: str,
    servers: Sequence[Server],
    ask: Callable[[Server], int],
    rounds: int,
    seconds: int,
    names: tuple[str, str] = NAMES,
) -> None:
    """Prints the processor time of a request of both, their rates, and the medians of the paired ratios."""
    times: dict[str, list[float]] = {name: [] for name in names}
    rates: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for place in (0, 1) if turn % 2 == 0 else (1, 0):
            server = servers[place]
            start = server.processor_seconds()
            requests = ask(server)
            times[names[place]].append((server.processor_seconds() - start) / requests)
            rates[names[place]].append(requests / seconds)
    report(title, times, 1e6, "us")
    report("", rates, 1, "/s")


def report(title: str, times: dict[str, list[float]], scale: float, unit: str) -> None:
    (first, before), (second, now) = times.items()
    ratios = [one / base for one, base in zip(now, before, strict=True)]
    medians = [scale * statistics.median(one) for one in (before, now)]
    print(
        f"{title:52} {first} {medians[0]:9.1f} {unit}  {second} {medians[1]:9.1f} {unit}  "
        f"ratio {statistics.median(ratios):.3f} ({min(ratios):.2f}-{max(ratios):.2f})",
        flush=True,
    )


def compare_requests(
    sides: Sequence[Installed],
    model: Model,
    folder: Path,
    over: str,
    rounds: int,
    seconds: int,
    names: tuple[str, str] = NAMES,
) -> None:
    name = model.title.removesuffix(", float list")
    clients = range(model.cores % (os.cpu_count() or 1), os.cpu_count() or 1)
    message = grpc_servers.request_of(model)
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        content, script, frame = (Path(scratch, file) for file in ("body.json", "post.lua", "message"))
        content.write_bytes(rest.body_of(model))
        script.write_text(rest.SCRIPT % content)
        frame.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
        for side in sides:
            rest.let_measure(serve_command(side, model, folder), side.environment)
        servers = [stack.enter_context(running(side, model, folder)) for side in sides]
        for connections in rest.CONNECTIONS[model.name] if over != "grpc" else ():

            def by_rest(server: Server, connections: int = connections) -> int:
                url = f"http://127.0.0.1:{server.rest_port}/v1/models/{model.name}:predict"
                return rest_requests(url, script, connections, seconds, clients)

            compare(f"REST {name}, {connections} connection(s)", servers, by_rest, rounds, seconds, names)
        for connections, streams in grpc_servers.AT_ONCE[model.name] if over != "rest" else ():

            def by_grpc(server: Server, connections: int = connections, streams: int = streams) -> int:
                return grpc_calls(server.grpc_port, frame, connections, streams, seconds, clients)

            compare(f"gRPC {name}, {connections * streams} at once", servers, by_grpc, rounds, seconds, names)


def compare_starts(sides: Sequence[Installed], model: Model, folder: Path, rounds: int) -> None:
    """From exec to the line that says the server is ready, with a filled cache."""
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    for side in sides:
        with running(side, model, folder):
            pass
    for turn in range(rounds):
        for place in (0, 1) if turn % 2 == 0 else (1, 0):
            start = time.perf_counter()
            with running(sides[place], model, folder):
                times[NAMES[place]].append(time.perf_counter() - start)
    report(f"start, {model.name}", times, 1e3, "ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--only", choices=rest.CONNECTIONS, default=None)
    parser.add_argument("--over", choices=("both", "rest", "grpc"), default="both")
    parser.add_argument("--starts", type=int, default=8)
    options = parser.parse_args()
    for tool in ("wrk", "h2load"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is missing: install it, on Debian with 'apt-get install wrk nghttp2-client'")
    folder = made()
    with tempfile.TemporaryDirectory() as scratch:
        sources = (checked_out(options.commit, Path(scratch, "source")), ROOT)
        sides = [install(source, Path(scratch, name)) for name, source in zip(NAMES, sources, strict=True)]
        for model in MODELS:
            if options.only in (None, model.name):
                if options.starts:
                    compare_starts(sides, model, folder, options.starts)
                compare_requests(sides, model, folder, options.over, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
