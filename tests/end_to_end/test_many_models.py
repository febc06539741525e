"""A server of 50 models, of which 5 are broken: the others answer, and each reason is told once in each place."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from tests.end_to_end.conftest import BIN

from lightship.bundle.manifest import EXTRAS, MANIFEST_FILE, Manifest, write_manifest

MODELS = 50
DATA = "variables/variables.data-00000-of-00001"


def no_version(model: Path) -> None:
    shutil.rmtree(model / "1")


def no_saved_model(model: Path) -> None:
    (model / "1" / "saved_model.pb").unlink()


def garbage(model: Path) -> None:
    (model / "1" / "saved_model.pb").write_bytes(b"This is no SavedModel.")


def damaged_weights(model: Path) -> None:
    file = model / "1" / DATA
    file.write_bytes(bytes(file.stat().st_size))


def changed_after_export(model: Path) -> None:
    (model / "1" / EXTRAS).mkdir()
    write_manifest(model / "1", Manifest(created="2026-11-28T00:00:00Z", frameworks={}, files={}))
    (model / "1" / EXTRAS / "labels.txt").write_text("added")
    manifest = model / "1" / MANIFEST_FILE
    manifest.write_text(manifest.read_text().replace('"size": ', '"size": 1'))


# What is done to a model, and words of the reason that must be told.
BROKEN: Mapping[str, tuple[Callable[[Path], None], str]] = {
    "no_version": (no_version, "no version"),
    "no_saved_model": (no_saved_model, "saved_model.pb"),
    "garbage": (garbage, "saved_model.pb"),
    "damaged_weights": (damaged_weights, "is damaged"),
    "changed_after_export": (changed_after_export, "was changed after export"),
}


@dataclass(slots=True)
class Running:
    process: subprocess.Popen[str]
    url: str
    folder: Path

    def lines(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]


@pytest.fixture(scope="module")
def names() -> list[str]:
    healthy = [f"toy{number}" for number in range(MODELS - len(BROKEN))]
    return [*healthy[:20], *BROKEN, *healthy[20:]]


@pytest.fixture(scope="module")
def running(names: list[str], tmp_path_factory: pytest.TempPathFactory, saved_models: Path) -> Iterator[Running]:
    """A server that has decided about all models."""
    folder = tmp_path_factory.mktemp("many")
    for name in names:
        shutil.copytree(saved_models / "half_plus_two" / "123", folder / name / "1")
    for name, (break_it, _) in BROKEN.items():
        break_it(folder / name)
    models = [f"{name}={folder / name}" for name in names]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [str(BIN / "lightship"), "serve", *models, "--rest-port", "auto", "--grpc-port", "0", "--json"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "LIGHTSHIP_POLL_SECONDS": "0.1"},
        )
        assert process.stdout is not None
        ready = process.stdout.readline()
        yield Running(process, json.loads(ready)["url"], folder)
        process.kill()
        process.communicate()


def test_the_healthy_models_answer(running: Running, names: list[str]) -> None:
    def answer(name: str) -> object:
        return httpx2.post(f"{running.url}/v1/models/{name}:predict", json={"instances": [1.0]}, timeout=60).json()

    healthy = [name for name in names if name not in BROKEN]
    with ThreadPoolExecutor(4) as threads:
        answers = dict(zip(healthy, threads.map(answer, healthy), strict=True))
    assert answers == dict.fromkeys(healthy, {"predictions": [2.5]})


def assert_each_once(texts: Mapping[str, str]) -> None:
    """texts: what is told of each model that does not answer."""
    assert texts.keys() == BROKEN.keys()
    for name, (_, reason) in BROKEN.items():
        assert reason in texts[name].lower()
        assert [other for other, (_, words) in BROKEN.items() if f"/{other}/" in texts[name] and other != name] == []


def test_readyz_tells_each_reason_once(running: Running) -> None:
    response = httpx2.get(f"{running.url}/readyz", timeout=60)
    assert response.status_code == 503
    assert_each_once(response.json()["models"])


def test_status_tells_each_reason_once(running: Running, names: list[str]) -> None:
    shown = subprocess.run(
        [str(BIN / "lightship"), "status", running.url, "--json"], capture_output=True, text=True, timeout=120
    )
    models = {model["name"]: model for model in json.loads(shown.stdout)["models"]}
    assert shown.returncode == 1
    assert models.keys() == set(names)
    reasons = {name: model for name, model in models.items() if not model["ready"]}
    assert_each_once({name: json.dumps(model) for name, model in reasons.items()})


def test_the_log_tells_each_reason_once_however_often_the_folders_are_looked_at(running: Running) -> None:
    looked_at = running.folder / "looked-at"
    shutil.copytree(running.folder / "toy0" / "1", looked_at)
    for number in (2, 3):  # a version that is served shows that the folders were looked at again
        shutil.copytree(looked_at, running.folder / f".arriving-{number}")
        (running.folder / f".arriving-{number}").rename(running.folder / "toy0" / str(number))
        await_version(f"{running.url}/v1/models/toy0", number)
    told = [line for line in running.lines() if line["level"] in ("WARNING", "ERROR")]
    assert sorted(line["model"] for line in told) == sorted(BROKEN)
    assert_each_once({line["model"]: line["message"] for line in told})


def await_version(url: str, number: int) -> None:
    end = time.monotonic() + 60
    while (
        httpx2.get(f"{url}/versions/{number}").json().get("model_version_status", [{}])[0].get("state") != "AVAILABLE"
    ):
        assert time.monotonic() < end
        time.sleep(0.05)
