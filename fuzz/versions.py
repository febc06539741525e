"""Puts version folders in a server's way at random, whole, damaged, odd, or written slowly, and asks meanwhile: nothing
wrong may be answered, and what is whole must be served. `make fuzz`.

Every version is the same model, so that there is one right answer. A find names its case; `--case KEY` makes it again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from benchmarks.attacks.exchange import Answer, ask
from benchmarks.attacks.payloads import post
from benchmarks.attacks.target import Models, Server, serving
from benchmarks.models import made as benchmark_models
from demo.assets import fetch

from fuzz.models import FOLDER, ROOT, made

MAX_FINDS = 20
_PATIENCE = 60.0  # seconds until a whole version answers
_SETTLES = 8.0  # seconds for a damaged one; it may go on being tried
_PAUSE = 0.02  # seconds between two calls
_WEIGHTS = 64  # bytes; the toy's weights are at the beginning of their file


@dataclass(frozen=True, slots=True)
class Model:
    """A model whose versions are made: the good one, and a request."""

    name: str
    version: Path
    request: bytes


@dataclass(slots=True)
class Watch:
    """Asks a model all the time, and keeps what differs from the first answer."""

    port: int
    model: Model
    right: bytes = b""
    asked: int = 0
    wrong: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Watch:
        first = ask(self.port, self.model.request, 30.0)
        if first.status != "200":
            raise SystemExit(f"{self.model.name} was answered with {first.status}: {first.body!r}")
        self.right = first.body
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join()

    def _ask(self) -> None:
        while not self._stop.wait(_PAUSE):
            self.asked += 1
            answer = ask(self.port, self.model.request, 30.0)
            if answer.status != "200" or not same(answer.body, self.right):
                self.wrong.append(f"{answer.status} {answer.body[:300]!r}")


def same(body: bytes, right: bytes) -> bool:
    """Whether two answers are the same, but for the last digits of their numbers."""
    return body == right or _rounded(json.loads(body)) == _rounded(json.loads(right))


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {name: _rounded(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_rounded(member) for member in value]
    return f"{value:.6g}" if isinstance(value, float) else value


def copied(good: Path, folder: Path, random: Random) -> bool:
    """At once, in any order of the files. Returns whether the version is whole: so do the others."""
    for file in _shuffled(good, random):
        _place(good, folder, file).write_bytes((good / file).read_bytes())
    return True


def renamed(good: Path, folder: Path, random: Random) -> bool:
    hidden = folder.parent / f".{folder.name}"
    shutil.copytree(good, hidden, copy_function=random.choice((shutil.copy2, shutil.copyfile)))
    hidden.rename(folder)
    return True


def copied_slowly(good: Path, folder: Path, random: Random) -> bool:
    """Files in any order and pieces, some of them preallocated, with pauses shorter than the server's between looks."""
    longest = random.choice((0.0, 0.1, 0.5, 0.9))
    for file in _shuffled(good, random):
        data = (good / file).read_bytes()
        with _place(good, folder, file).open("wb") as copy:
            if random.random() < 0.5:
                copy.truncate(len(data))
            for _ in range(random.choice((1, 2, 4))):
                copy.write(data[copy.tell() : copy.tell() + len(data) // random.choice((1, 2, 3)) + 1])
                copy.flush()
                time.sleep(random.random() * longest)
            copy.write(data[copy.tell() :])
        time.sleep(random.random() * longest)
    return True


def copied_without_end(good: Path, folder: Path, random: Random) -> bool:
    """A copy that was given up."""
    files = _shuffled(good, random)
    for file in files[: random.randrange(len(files))]:
        _place(good, folder, file).write_bytes((good / file).read_bytes())
    return False


def flipped(good: Path, folder: Path, random: Random) -> bool:
    def change(data: bytearray) -> None:
        for _ in range(random.choice((1, 1, 1, 2, 10))):
            near = random.choice((len(data), min(len(data), _WEIGHTS)))
            data[random.randrange(near)] ^= 1 << random.randrange(8)

    return _damaged(good, folder, random, change)


def shortened(good: Path, folder: Path, random: Random) -> bool:
    def change(data: bytearray) -> None:
        del data[random.randrange(len(data)) :]

    return _damaged(good, folder, random, change)


def zeroed(good: Path, folder: Path, random: Random) -> bool:
    def change(data: bytearray) -> None:
        begin = random.choice((0, random.randrange(len(data))))
        data[begin:] = bytes(len(data) - begin)

    return _damaged(good, folder, random, change)


def odd(good: Path, folder: Path, random: Random) -> bool:
    """One entry is no file, but something that waits, has no end, leads elsewhere, or leads nowhere."""
    copied(good, folder, random)
    victim = folder / random.choice(_shuffled(good, random))
    victim.unlink()
    kind = random.choice(("fifo", "zero", "outside", "loop", "nowhere", "folder", "parent"))
    if kind == "fifo":
        os.mkfifo(victim)
    elif kind == "folder":
        victim.mkdir()
    else:
        links = {
            "zero": Path("/dev/zero"),
            "outside": Path("/etc/passwd"),
            "loop": victim,
            "nowhere": Path("missing"),
            "parent": folder.parent,
        }
        victim.symlink_to(links[kind])
    return False


def changed_later(good: Path, folder: Path, random: Random) -> bool:
    """A whole version, of which a file changes or goes while it is loaded, or is loading."""
    renamed(good, folder, random)
    time.sleep(random.choice((0.0, 0.3, 3.0)))
    victim = folder / random.choice(_guarded(good))
    if random.random() < 0.5:
        victim.unlink()
    else:
        with victim.open("r+b") as file:
            file.seek(random.randrange(victim.stat().st_size))
            file.write(random.randbytes(64))
    return False


Maker = Callable[[Path, Path, Random], bool]
MAKERS: tuple[Maker, ...] = (
    *(copied, renamed, copied_slowly, copied_slowly, copied_without_end, flipped, flipped, flipped, shortened),
    *(zeroed, odd, odd, changed_later),
)


def _damaged(good: Path, folder: Path, random: Random, change: Callable[[bytearray], None]) -> bool:
    """A copy with one file that was changed, the weights more often than not. It may be a change that nobody sees."""
    hidden = folder.parent / f".{folder.name}"
    shutil.copytree(good, hidden)
    weights = [file for file in _files(good) if ".data-" in file.name]
    chosen = random.choice(weights if random.random() < 0.5 else _guarded(good))
    data = bytearray((hidden / chosen).read_bytes())
    if data:
        change(data)
    (hidden / chosen).write_bytes(data)
    hidden.rename(folder)
    return False


def _files(folder: Path) -> list[Path]:
    return sorted(file.relative_to(folder) for file in folder.rglob("*") if file.is_file())


def _guarded(good: Path) -> list[Path]:
    """The files whose content something guards: all if there is a manifest, else the weights and their index."""
    if (good / "assets.extra" / "lightship.json").exists():
        return _files(good)
    return [file for file in _files(good) if file.parts[0] == "variables"]


def _shuffled(folder: Path, random: Random) -> list[Path]:
    files = _files(folder)
    random.shuffle(files)
    return files


def _place(good: Path, folder: Path, file: Path) -> Path:
    """Where a file goes, in folders that are there."""
    for inner in sorted(one.relative_to(good) for one in good.rglob("*") if one.is_dir()):
        (folder / inner).mkdir(parents=True, exist_ok=True)
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    return folder / file


@dataclass(slots=True)
class Turn:
    """One server, whose models' folders are in `root`; case after case puts a further version into one of them."""

    server: Server
    root: Path
    models: tuple[Model, ...]
    finds: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    _number: int = 1

    def run_case(self, key: str) -> None:
        random = Random(key)
        model, maker = random.choice(self.models), random.choice(MAKERS)
        self.kinds[maker.__name__] += 1
        self._number += 1
        folder = self.root / model.name / str(self._number)
        with Watch(self.server.address.port, model) as watch:
            whole = maker(model.version, folder, random)
            state = self._settled(model, whole)
            asked = watch.asked
            while watch.asked < asked + 4 and self.server.alive:  # the version that answers now, too
                time.sleep(_PAUSE)
        if watch.wrong:
            self.finds.append(f"{key}, {maker.__name__} of {model.name}: answered with {watch.wrong[0]}")
        if whole and state != "AVAILABLE":
            self.finds.append(f"{key}, {maker.__name__} of {model.name}: a whole version is {state or 'not listed'}")
        if not self.server.alive:
            self.finds.append(f"{key}, {maker.__name__} of {model.name}: the server ended")
        self._remove(model, folder)

    def _settled(self, model: Model, whole: bool) -> str:
        """The version's state, once it is AVAILABLE, or has failed, or the time is over."""
        end = time.monotonic() + (_PATIENCE if whole else _SETTLES)
        state = ""
        while time.monotonic() < end and self.server.alive:
            state = self._state(model)
            if state == "AVAILABLE" or (state == "END" and not whole):
                break
            time.sleep(0.1)
        return state

    def _state(self, model: Model) -> str:
        answer = self._status(model)
        with suppress(ValueError, KeyError):
            for version in json.loads(answer.body)["model_version_status"]:
                if version["version"] == str(self._number):
                    return str(version["state"])
        return ""

    def _status(self, model: Model) -> Answer:
        request = f"GET /v1/models/{model.name} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        return ask(self.server.address.port, request.encode(), 30.0)

    def _remove(self, model: Model, folder: Path) -> None:
        """Version 1 answers again."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(folder.parent / f".{folder.name}", ignore_errors=True)
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and self.server.alive:
            listed = self._status(model).body
            if b'"version": "1"' in listed and listed.count(b'"AVAILABLE"') == 1 and self._state(model) != "AVAILABLE":
                return
            time.sleep(0.1)
        if self.server.alive:
            self.finds.append(f"version 1 of {model.name} does not answer after {folder.name} was removed: {listed!r}")


def models() -> tuple[Model, ...]:
    """One without a manifest, and one with it."""
    made()
    small = post("/v1/models/toy:predict", b'{"instances": [[1.0, 2.0, 3.0, 4.0]]}')
    photo = post("/v1/models/dog:predict", fetch().photo.read_bytes(), "Content-Type: image/jpeg")
    return Model("toy", benchmark_models() / "toy" / "1", small), Model("dog", FOLDER / "dog" / "1", photo)


@contextmanager
def served(root: Path, chosen: tuple[Model, ...]) -> Iterator[Turn]:
    """A server of these models, of which only version 1 is there. It has no TensorFlow, which checks weights."""
    for model in chosen:
        shutil.copytree(model.version, root / model.name / "1")
    toy, *others = (root / model.name for model in chosen)
    paths = (ROOT / "tests" / "without_tensorflow", ROOT / "src", os.environ.get("PYTHONPATH", ""))
    hidden = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    with serving(Models(toy, 0, others=others), environment=hidden) as server:
        yield Turn(server, root, chosen)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz.versions", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=random.getrandbits(32), help="a random one by default")
    parser.add_argument("--case", action="append", default=[], metavar="KEY", help="make this case of a find again")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    end = time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory(prefix="lightship-fuzz-") as root, served(Path(root), models()) as turn:
        for key in options.case:
            turn.run_case(key)
        while not options.case and time.monotonic() < end and len(turn.finds) < MAX_FINDS and turn.server.alive:
            turn.run_case(f"{options.seed}/{turn.kinds.total()}")
    print(f"{turn.kinds.total()} cases: {dict(turn.kinds.most_common())}")
    for find in turn.finds:
        print(f"FOUND {find}\n  python -m fuzz.versions --case {find.partition(',')[0]}")
    return 1 if turn.finds else 0


if __name__ == "__main__":
    sys.exit(main())
