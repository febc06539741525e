"""Builds of the image beside the one that all tests use: once more, and with TensorFlow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import docker
import httpx2
import pytest
from scripts import build_image, compare_images
from tests.docker import built_images
from tests.docker.conftest import Run
from tests.docker.containers import HARDENED
from tests.docker.own_engine import Engine

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(1200)]


def test_a_second_build_gives_the_same_layers(engine: Engine, image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the lowest two: Debian's packages, which may be newer than those of an image from the cache."""
    monkeypatch.setenv("DOCKER_HOST", engine.base_url)
    first = compare_images.layers(image)
    again = built_images.build_anew(engine, "--no-cache")
    assert compare_images.differences(first[2:], compare_images.layers(again)[2:]) == []


@pytest.fixture(scope="module")
def with_tensorflow(engine: Engine, base_image: str) -> str:
    return built_images.build_anew(engine, extra="tensorflow")


def test_with_tensorflow_it_runs_what_openvino_cannot(run: Run, with_tensorflow: str, half_plus_two: Path) -> None:
    running = run(image=with_tensorflow, models={"half_plus_two": half_plus_two}, **HARDENED)
    running.wait_ready()
    body = {"signature_name": "regress_x_to_y", "examples": [{"x": 1.0}]}
    answer = httpx2.post(f"{running.url}/v1/models/half_plus_two:regress", json=body, timeout=60)
    assert answer.json() == {"results": [2.5]}
    assert "TensorFlow Library: 2." in running.execute("tensorflow_model_server", "--version")


def test_with_tensorflow_it_stays_below_two_gigabytes(docker_client: docker.DockerClient, with_tensorflow: str) -> None:
    assert with_tensorflow == f"lightship:{build_image.version()}-tensorflow"
    assert docker_client.images.get(with_tensorflow).attrs["Size"] < 1.6e9


def test_without_an_engine_it_says_so(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(tmp_path)}
    command = [sys.executable, str(build_image.ROOT / "scripts/build_image.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: there is no docker;")
