"""A version that ends, hangs or exhausts its helper process leaves the server and its other models answering."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.processes import children, command_has
from tests.server.grpc_process import eventually

from lightship.client import Client
from lightship.engines import EngineOptions
from lightship.lifecycle.manager import Manager
from lightship.lifecycle.state import State
from lightship.server import Server, ServerOptions, parse_model_argument

pytestmark = pytest.mark.tensorflow

X = np.ones((2, 4), np.float32)


def _save(folder: Path, function: Callable[[Any], Any]) -> Path:
    import tensorflow as tf

    module = tf.Module()
    specs = [tf.TensorSpec([1, 4] if function is _crashes else [None, 4], tf.float32, "x")]
    module.function = tf.function(lambda x: {"y": function(x)}, input_signature=specs, autograph=False)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.function})
    return folder


def _crashes(x: Any) -> Any:
    """OpenVINO's reader dies of the positions of nothing."""
    import tensorflow as tf

    return tf.argmax(tf.range(1, tf.shape(x)[0], 2))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(**options: Any) -> Server:
        engine = EngineOptions(engine="openvino", allow_unproven=frozenset({"ArgMax", "Range"}), **options)
        models = [parse_model_argument(str(tmp_path / name)) for name in ("good", "other")]
        server = Server(ServerOptions(models, rest_port="auto", grpc_port="auto", poll_seconds=0.05, engine=engine))
        server.start()
        servers.append(server)
        assert server.wait_ready(60)
        return server

    for name in ("good", "other"):
        _save(tmp_path / name / "1", lambda x: 2.0 * x)
    yield start
    for server in servers:
        server.stop()


def _ended(server: Server, version: int) -> str:
    """Waits until a version of the model "good" has ended, and says why."""

    def error(manager: Manager) -> Any:
        return next((one.error for one in manager.versions("good") if one.version == version and one.error), None)

    assert server.manager.wait(lambda manager: error(manager) is not None, 60)
    return str(error(server.manager).message)


def _answers(server: Server) -> None:
    with Client(server.rest_url) as client:
        assert client.predict("other", X)["y"].tolist() == (2 * X).tolist()
        assert client.predict("good", X)["y"].tolist() == (2 * X).tolist()
        assert {one.version: one.state for one in client.status("good")}[1] == State.AVAILABLE.name


def test_a_version_that_crashes_its_helper(served: Callable[..., Server], tmp_path: Path) -> None:
    server = served()
    _save(tmp_path / "new" / "2", _crashes)
    (tmp_path / "new" / "2").rename(tmp_path / "good" / "2")
    assert "the helper process ended by signal 11 (SIGSEGV)" in _ended(server, 2)
    _answers(server)


def test_a_version_that_takes_too_long(served: Callable[..., Server], tmp_path: Path) -> None:
    server = served(trial_seconds=60.0)
    server.stop()
    server = served(trial_seconds=0.001)  # what the cache has needs no trial
    _save(tmp_path / "new" / "2", lambda x: 3.0 * x)
    (tmp_path / "new" / "2").rename(tmp_path / "good" / "2")
    assert "longer than 0.001 s (--trial-seconds)" in _ended(server, 2)
    _answers(server)


def test_a_version_that_needs_too_much_memory(served: Callable[..., Server], tmp_path: Path) -> None:
    served().stop()
    server = served(trial_memory=30 << 20)
    _save(tmp_path / "new" / "2", lambda x: 5.0 * x)
    (tmp_path / "new" / "2").rename(tmp_path / "good" / "2")
    assert "more than 30 MiB of memory (--trial-memory)" in _ended(server, 2)
    _answers(server)


@pytest.mark.slow
def test_fifty_crashing_versions_leave_nothing_behind(served: Callable[..., Server], tmp_path: Path) -> None:
    server = served()
    _save(tmp_path / "new", _crashes)
    cache = Path(os.environ["LIGHTSHIP_CACHE_DIR"])
    before = set(cache.glob("lightship-work-*"))  # processes that other tests killed may have left some
    for version in range(2, 52):
        shutil.copytree(tmp_path / "new", tmp_path / "copy")
        (tmp_path / "copy" / "assets" / "number").write_text(
            str(version)
        )  # so that no other trial is remembered for it
        (tmp_path / "copy").rename(tmp_path / "good" / str(version))
        assert "SIGSEGV" in _ended(server, version)
    _answers(server)
    assert eventually(lambda: not set(cache.glob("lightship-work-*")) - before)  # one may be in use
    assert eventually(lambda: sum(command_has(pid, b"trial.helper") for pid in children(os.getpid())) <= 2)
