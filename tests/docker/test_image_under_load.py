"""Our image while clients ask: it is stopped, and new versions are put into its folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from tests.docker.asking import asking
from tests.docker.conftest import Run
from tests.docker.containers import HARDENED, Running

import lightship

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

GRACE = 10  # seconds that `docker stop` gives
Publish = Callable[[Path, Path], object]


@pytest.fixture
def folder(tmp_path: Path, half_plus_two: Path) -> Path:
    """A model folder of this test's own, with version 123."""
    return Path(shutil.copytree(half_plus_two, tmp_path / "half_plus_two"))


@pytest.fixture
def serving(run: Run, folder: Path) -> Running:
    running = run(models={"half_plus_two": folder}, **HARDENED)
    running.wait_ready()
    return running


def test_a_stop_under_load_loses_no_request(serving: Running) -> None:
    with asking(serving.address, 8501) as clients:
        clients.wait_for_answers()
        start = time.monotonic()
        serving.container.stop(timeout=GRACE)
        seconds = time.monotonic() - start
        clients.join()
    assert clients.lost == []
    assert serving.container.wait()["StatusCode"] == 0
    assert seconds < GRACE


def copy_then_rename(version: Path, folder: Path) -> None:
    arriving = folder.parent / "arriving"  # outside the folder that is watched, on the same disk
    shutil.copytree(version, arriving)
    arriving.rename(folder / "124")


def export(version: Path, folder: Path) -> None:
    assert lightship.export(version, folder).name == "124"


@pytest.mark.parametrize("publish", [copy_then_rename, export])
def test_a_new_version_takes_over_without_a_lost_request(serving: Running, folder: Path, publish: Publish) -> None:
    with asking(serving.address, 8501) as clients:
        clients.wait_for_answers()
        assert clients.last_versions() == {"123"}
        publish(folder / "123", folder)
        serving.wait(lambda: states(serving) == {"124": "AVAILABLE", "123": "END"}, "at version 124 alone")
        clients.wait_for_answers()
        assert clients.last_versions() == {"124"}
    assert clients.lost == []


def states(running: Running) -> dict[str, str]:
    answer = httpx2.get(f"{running.url}/v1/models/half_plus_two").json()
    return {status["version"]: status["state"] for status in answer["model_version_status"]}
