"""Cases, one after the other, each of which puts a version folder into a model's folder while the model is asked."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from benchmarks.attacks.exchange import Answer, ask
from benchmarks.attacks.target import Server

from fuzz.versions.folders import MAKERS
from lightship.bundle.manifest import EXTRAS, GOLDEN_FILE, MANIFEST_FILE

_PATIENCE = 60.0  # seconds until a whole version answers
_SETTLES = 8.0  # seconds for a damaged one; it may go on being tried
_NOT_A_BUNDLE = " has no image spec, so it cannot classify encoded images"
_PAUSE = 0.02  # seconds between two calls


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
                self.wrong.append(f"{answer.status} {answer.body[:500]!r}")


def same(body: bytes, right: bytes) -> bool:
    """Whether two answers are the same, but for the last digits of their numbers."""
    return body == right or _rounded(json.loads(body)) == _rounded(json.loads(right))


def may_answer(folder: Path, answer: str) -> bool:
    """Whether a version may give an answer that is not the right one: it says that it is a plain SavedModel.

    Nothing tells it from one if neither its manifest nor its golden sample came.
    """
    of_bundle = (folder / MANIFEST_FILE, folder / EXTRAS / GOLDEN_FILE)
    return _NOT_A_BUNDLE in answer and not any(map(os.path.lexists, of_bundle))


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {name: _rounded(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_rounded(member) for member in value]
    return f"{value:.6g}" if isinstance(value, float) else value


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
        wrong = [answer for answer in watch.wrong if not may_answer(folder, answer)]
        if wrong:
            self.finds.append(f"{key}, {maker.__name__} of {model.name}: answered with {wrong[0]}")
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
