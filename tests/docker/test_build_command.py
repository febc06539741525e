"""`lightship docker build` on a real engine."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import pytest
from tests.cli.conftest import heed_interrupts
from tests.docker.own_engine import Engine

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

BUILD = (str(Path(sys.executable).parent / "lightship"), "docker", "build")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "dog" / "1").mkdir(parents=True)
    (tmp_path / "dog" / "1" / "saved_model.pb").write_bytes(b"graph")
    return tmp_path / "dog"


def run(engine: Engine, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.run([*BUILD, *map(str, arguments)], env=engine.environment, text=True, timeout=120, **options)


def test_it_says_what_was_built_and_how_to_run_it(
    engine: Engine, docker_client: docker.DockerClient, base_image: str, model: Path
) -> None:
    done = run(engine, model, "-t", "bake-dog:1", "-t", "bake-dog", "--image", base_image, "--label", "com.example.a=b")
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first == f"bake-dog:1, bake-dog: dog, version 1, on {base_image}"
    assert second == "Run it: docker run -p 8501:8501 bake-dog:1"
    image = docker_client.images.get("bake-dog:latest")
    assert image.labels["com.example.a"] == "b"
    docker_client.images.remove(image.id, force=True)


def test_json_names_the_image_and_its_layers(
    engine: Engine, docker_client: docker.DockerClient, base_image: str, model: Path
) -> None:
    done = run(engine, model, "-t", "bake-dog:1", "--image", base_image, "--json")
    baked, image = json.loads(done.stdout), docker_client.images.get("bake-dog:1")
    assert (baked["id"], baked["layers"]) == (image.id, image.attrs["RootFS"]["Layers"])
    assert (baked["tags"], baked["model"], baked["versions"]) == (["bake-dog:1"], "dog", [1])
    docker_client.images.remove(image.id, force=True)


def test_on_a_terminal_one_line_shows_how_far_it_is(
    engine: Engine, docker_client: docker.DockerClient, base_image: str, model: Path
) -> None:
    terminal, inner = pty.openpty()
    with os.fdopen(terminal, "rb", buffering=0) as shown:
        done = run(engine, model, "-t", "bake-dog:1", "--image", base_image, stderr=inner)
        os.close(inner)
        text = read_all(shown.fileno())
    assert done.returncode == 0
    assert b" step 5/5, LABEL\r" in text
    assert text.count(b"\n") <= 2
    docker_client.images.remove("bake-dog:1", force=True)


def read_all(descriptor: int) -> bytes:
    text = b""
    try:
        while piece := os.read(descriptor, 1 << 16):
            text += piece
    except OSError:  # how Linux tells that the other side is closed
        pass
    return text


def test_ctrl_c_leaves_nothing(
    engine: Engine, docker_client: docker.DockerClient, base_image: str, model: Path
) -> None:
    with (model / "1" / "weights").open("wb") as file:
        file.truncate(20 << 30)
    before, received = set(docker_client.api.images(quiet=True, all=True)), engine.folder / "data" / "tmp"
    command = [*BUILD, str(model), "-t", "bake-dog:1", "--image", base_image]
    options = {"env": engine.environment, "stderr": subprocess.PIPE, "preexec_fn": heed_interrupts}
    with subprocess.Popen(command, **options) as process:
        wait_until(lambda: list(received.glob("docker-builder*/layers/1/models/dog/1/weights")))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, b"")
    assert set(docker_client.api.images(quiet=True, all=True)) == before
    wait_until(lambda: not list(received.glob("docker-builder*")))


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
