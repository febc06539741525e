"""Several exports at once, and one that is killed half-way: whole versions or none."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import pytest
from tests.packaging.conftest import PETS, SPEC, entries

from lightship.bundle.bundle import open_bundle
from lightship.packaging import export
from lightship.packaging.publishing import PREFIX

# Most of these models are exported without an image spec, which is warned about.
pytestmark = pytest.mark.filterwarnings("ignore::lightship.packaging.MissingImageSpecWarning")


EXPORTER = """
import os, signal, sys
import lightship.packaging.exporting as room
def step(text):
    if text == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)
room.export(sys.argv[1], sys.argv[2], progress=step)
"""


def test_threads_get_a_version_each(tmp_path: Path, model: keras.Model) -> None:
    default = keras.Layer._default_save_signature
    with ThreadPoolExecutor(3) as pool:
        paths = list(pool.map(lambda _: export(model, tmp_path / "m", classes=PETS, image=SPEC), range(3)))
    assert keras.Layer._default_save_signature is default  # which an export sets aside for a moment
    assert {path.name for path in paths} == entries(tmp_path / "m") == {"1", "2", "3"}


@pytest.mark.slow
def test_processes_get_a_version_each(tmp_path: Path, model: keras.Model) -> None:
    model.save(tmp_path / "m.keras")
    command = [sys.executable, "-c", EXPORTER, str(tmp_path / "m.keras"), str(tmp_path / "m"), "never"]
    running = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(120) for process in running] == [0, 0]
    assert entries(tmp_path / "m") == {"1", "2"}
    for version in (1, 2):
        assert open_bundle(tmp_path / "m" / str(version), "m", version).golden is not None


@pytest.mark.slow
def test_what_is_killed_half_way_leaves_no_version(tmp_path: Path, model: keras.Model) -> None:
    model.save(tmp_path / "m.keras")
    killed = [str(tmp_path / "m.keras"), str(tmp_path / "m"), "comparing with TensorFlow"]
    assert subprocess.run([sys.executable, "-c", EXPORTER, *killed], check=False).returncode == -9
    (left,) = entries(tmp_path / "m")
    assert left.startswith(PREFIX)
    assert export(model, tmp_path / "m").name == "1"
    assert entries(tmp_path / "m") == {"1"}
