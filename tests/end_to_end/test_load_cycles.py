"""A server that loads, asks and unloads models again and again keeps nothing of them, and maps none of their files."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.load_cycles import cycle, what_is_held
from numpy.typing import NDArray
from tests.end_to_end.conftest import Serve
from tests.end_to_end.test_versions import wait_until

from lightship.client import Client

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

TOY_ROWS = np.ones((3, 1), np.float32)


def check_cycles(serve: Serve, other: Path, folder: Path, rows: NDArray[Any], cycles: int, megabytes: float) -> None:
    """Fails if the server holds more than `megabytes` more after `cycles` than after the first third of them."""
    running = serve(str(other), "--allow-reload")
    with Client(running.grpc_url, timeout=300) as client:
        for _ in range(cycles // 3):
            cycle(running.grpc_port, client, folder, rows)
        resident = running.settled_megabytes(below=0, seconds=3)
        before = what_is_held(running.process.pid)
        for _ in range(cycles - cycles // 3):
            cycle(running.grpc_port, client, folder, rows)
        assert running.settled_megabytes(below=resident + megabytes) < resident + megabytes
        # A helper process, whose pipes count, may still be measuring the model.
        wait_until(lambda: what_is_held(running.process.pid).descriptors <= before.descriptors + 2)
        # The executors of requests start their threads when they are needed.
        wait_until(lambda: what_is_held(running.process.pid).threads <= before.threads + 8)


def test_a_toy_leaves_nothing(serve: Serve, half_plus_two: Path) -> None:
    check_cycles(serve, half_plus_two, half_plus_two, TOY_ROWS, cycles=60, megabytes=8)


def test_a_mobilenet_leaves_nothing(serve: Serve, half_plus_two: Path, dog_bundle: Path) -> None:
    rows = np.random.default_rng(0).random((1, 160, 160, 3), np.float32)
    check_cycles(serve, half_plus_two, dog_bundle, rows, cycles=12, megabytes=12)


def test_files_that_are_cut_while_they_are_served_change_no_answer(
    serve: Serve, dog_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, model = tmp_path / "cache", shutil.copytree(dog_bundle, tmp_path / "dog")
    monkeypatch.setenv("LIGHTSHIP_CACHE_DIR", str(cache))
    running = serve(str(model))
    rows = np.random.default_rng(0).random((2, 160, 160, 3), np.float32)
    with Client(running.grpc_url, timeout=300) as client:
        expected = client.predict("dog", rows)
        folders = (os.fspath(cache), os.fspath(model))
        assert not [file for file in running.mapped_files() if file.startswith(folders)]
        largest = 0
        for place, _, names in (found for folder in folders for found in os.walk(folder)):
            for file in (Path(place, name) for name in names):
                with suppress(FileNotFoundError):  # a helper process, which measures the model, has renamed it
                    largest = max(largest, file.stat().st_size if file.is_relative_to(cache) else 0)
                    os.truncate(file, 0)
        assert largest > 1 << 20, "nothing was compiled"
        for _ in range(3):
            np.testing.assert_array_equal(client.predict("dog", rows)["output_0"], expected["output_0"])
    assert running.terminate() == 0
