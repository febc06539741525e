"""The server that is attacked, a process of its own: how it is started, and how much memory it holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.attacks.payloads import MEGABYTE

from lightship.process_tree import process_tree

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-c", "from lightship.cli import main; main()")
# Gives the server so few files, and becomes the server.
_WITH_FILES = ("sh", "-c", 'ulimit -n "$0" && exec "$@"')


@dataclass(frozen=True, slots=True)
class Models:
    """toy: the folder of a model of numbers, `width` of them an instance, 0 for plain numbers. photos: the folder of a
    bundle that classifies photos, and `photo`, one of them. others: further models, which nobody asks by themselves."""

    toy: Path
    width: int
    photos: Path | None = None
    photo: Path | None = None
    others: Sequence[Path] = ()

    @property
    def folders(self) -> list[Path]:
        return [self.toy, *([self.photos] if self.photos else []), *self.others]


@dataclass(frozen=True, slots=True)
class Address:
    """Where the models answer, as the processes of the clients are told it."""

    port: int
    toy: str
    width: int
    photos: str = ""
    photo: str = ""
    grpc_port: int = 0
    # The name of the toy model's input.
    toy_input: str = ""

    @property
    def toy_name(self) -> str:
        return _name_in(self.toy)

    @property
    def photos_name(self) -> str:
        return _name_in(self.photos)

    def told(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Address:
        return cls(**json.loads(text))

    def small_body(self) -> bytes:
        return json.dumps({"instances": [[1.0] * self.width if self.width else 1.0]}).encode()


@dataclass(frozen=True, slots=True)
class Server:
    process: subprocess.Popen[str]
    address: Address
    log: Path

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def wait_for_helpers(self, seconds: float = 60.0) -> None:
        """Waits until the processes that try models have ended."""
        end = time.monotonic() + seconds
        while len(list(process_tree(self.process.pid))) > 1 and time.monotonic() < end:
            time.sleep(0.1)

    def resident(self) -> int:
        """Bytes of memory that the server holds, and that the processes which it started hold besides.

        Pages of files, such as libraries, count once: those of the server.
        """
        helpers = set(process_tree(self.process.pid)) - {self.process.pid}
        return _bytes_of(self.process.pid, "VmRSS") + sum(_bytes_of(pid, "RssAnon") for pid in helpers)


def _bytes_of(pid: int, field: str) -> int:
    """Returns a field of a process's status that is in kilobytes; 0 once the process has ended."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(f"{field}:")).split()[1]) * 1024
    return 0


@contextmanager
def serving(
    models: Models,
    options: Sequence[str] = (),
    *,
    files: int | None = None,
    cores: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
    command: Sequence[str] = COMMAND,
) -> Iterator[Server]:
    """`lightship serve`, ready; killed at the end.

    files: how many it may have open. cores: those that it may use; all by default.
    """
    pinned = ("taskset", "-c", ",".join(map(str, cores))) if cores else ()
    limited = (*_WITH_FILES, str(files)) if files is not None else ()
    words = [*pinned, *limited, *command, "serve", *map(str, models.folders), "--rest-port", "auto", "--json", *options]
    with tempfile.TemporaryDirectory(prefix="lightship-attacks-") as scratch:
        log = Path(scratch, "log")
        with log.open("w") as errors:
            process = subprocess.Popen(
                words, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment or environment_of_sources()
            )
        try:
            yield Server(process, _address(process, models, log), log)
        finally:
            process.kill()
            process.wait(30)
            assert process.stdout is not None
            process.stdout.close()


def environment_of_sources() -> dict[str, str]:
    """The working tree's package comes before an installed one."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}


def _address(process: subprocess.Popen[str], models: Models, log: Path) -> Address:
    assert process.stdout is not None
    ready = process.stdout.readline()
    if not ready:
        raise RuntimeError(f"the server ended with {process.wait()}: {log.read_text()[-3000:]}")
    path = "/v1/models/{}:predict".format
    photos = path(models.photos.name) if models.photos else ""
    ports = json.loads(ready)
    return Address(
        ports["rest_port"],
        path(models.toy.name),
        models.width,
        photos,
        str(models.photo or ""),
        ports["grpc_port"],
        _toy_input(ports["rest_port"], models.toy.name),
    )


def _toy_input(port: int, model: str) -> str:
    """The name of the only input of the toy model, as the server tells it."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models/{model}/metadata", timeout=30) as answer:
        signature = json.load(answer)["metadata"]["signature_def"]["signature_def"]["serving_default"]
    return next(iter(signature["inputs"]))


def _name_in(path: str) -> str:
    return path.removeprefix("/v1/models/").partition(":")[0]


class Memory:
    """Watches a server's memory on a thread of its own. `start` and `peak` are in megabytes."""

    def __init__(self, server: Server, pause: float = 0.03) -> None:
        self._server, self._pause = server, pause
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.start = self.peak = self.now()

    def now(self) -> float:
        return self._server.resident() / MEGABYTE

    def __enter__(self) -> Memory:
        self._forget_peak()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.peak = max(self.peak, self._kernels_peak())

    def settled(self, below: float, shortest: float = 5.0, longest: float = 10.0) -> float:
        """The megabytes after `shortest` seconds, or later, once they are below a limit or `longest` seconds are
        over."""
        begun = time.monotonic()
        while True:
            time.sleep(0.25)
            passed, resident = time.monotonic() - begun, self.now()
            if passed >= longest or (passed >= shortest and resident <= below):
                return resident

    def _watch(self) -> None:
        while not self._stop.wait(self._pause):
            self.peak = max(self.peak, self.now())

    def _forget_peak(self) -> None:
        with suppress(OSError):
            Path(f"/proc/{self._server.process.pid}/clear_refs").write_text("5")

    def _kernels_peak(self) -> float:
        """What the kernel saw of the server alone, between two looks too."""
        with suppress(OSError, StopIteration):
            status = Path(f"/proc/{self._server.process.pid}/status").read_text().splitlines()
            return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) * 1024 / MEGABYTE
        return 0.0
