"""A system that gives too few threads makes a version fail. It never ends the server."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightship.engines import EngineOptions, load_engine
from lightship.engines.openvino import tried
from lightship.engines.openvino.runtime import core
from lightship.engines.tensorflow import model
from lightship.engines.tensorflow.importing import import_tensorflow
from lightship.errors import ResourceExhausted
from lightship.saved_model.reader import read_saved_model
from lightship.threads import NO_THREAD

pytestmark = pytest.mark.tensorflow


@pytest.fixture(autouse=True)
def first_session() -> None:
    """Lets the next session of TensorFlow be taken for the first one, which starts the threads of all."""
    model._require_threads.cache_clear()


class NoThread:
    """An OpenVINO that cannot import a compiled model."""

    def import_model(self, *arguments: Any) -> Any:
        raise RuntimeError(f"Exception from src/plugin.cpp:84:\n{os.strerror(errno.EAGAIN)}\n")


def load(version: Path, engine: str = "auto") -> list[float]:
    loaded = load_engine(version, read_saved_model(version), EngineOptions(engine=engine))
    try:
        return loaded.run("serving_default", {"x": np.ones(1, np.float32)})["y"].tolist()  # type: ignore[no-any-return]
    finally:
        loaded.close()


def refuse(thread: threading.Thread) -> None:
    raise RuntimeError(NO_THREAD)


def test_a_model_for_which_openvino_gets_no_thread_is_not_given_to_tensorflow(
    half_plus_two: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    version = half_plus_two / "123"
    assert load(version) == [2.5]  # it is in the cache now
    monkeypatch.setattr(tried, "core", NoThread)
    with pytest.raises(ResourceExhausted, match=f"cannot be imported: {os.strerror(errno.EAGAIN)}: raise the limit"):
        load(version)
    assert "compiled again" not in caplog.text
    monkeypatch.setattr(tried, "core", core)
    assert load(version) == [2.5]


def test_tensorflow_is_not_asked_for_more_threads_than_there_are(
    half_plus_two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_tensorflow()
    with monkeypatch.context() as few:
        few.setattr(threading.Thread, "start", refuse)
        with pytest.raises(ResourceExhausted, match="TensorFlow needs .* threads, and the system allows 0"):
            load(half_plus_two / "123", "tensorflow")
    assert load(half_plus_two / "123", "tensorflow") == [2.5]
    with monkeypatch.context() as few:
        few.setattr(threading.Thread, "start", refuse)
        assert load(half_plus_two / "123", "tensorflow") == [2.5]  # with the threads that there are


def test_a_signature_for_which_tensorflow_got_no_threads_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signature is first loaded when it is asked for, and the version stays loaded."""
    tf = import_tensorflow()
    module = tf.Module()
    module.counter = tf.Variable(0.0)
    count = tf.function(lambda x: {"y": module.counter.assign_add(x)}, input_signature=[tf.TensorSpec([], tf.float32)])
    double = tf.function(lambda x: {"y": 2 * x}, input_signature=[tf.TensorSpec([], tf.float32)])
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": double, "count": count})
    monkeypatch.setattr("lightship.engines.trial.trials._RETRY_SECONDS", 0.0)
    engine = load_engine(tmp_path, read_saved_model(tmp_path), EngineOptions())
    try:
        with monkeypatch.context() as few:
            few.setattr(threading.Thread, "start", refuse)
            with pytest.raises(ResourceExhausted, match="TensorFlow needs"):
                engine.run("count", {"x": np.float32(1.5)})
        assert engine.run("count", {"x": np.float32(1.5)})["y"] == 1.5
    finally:
        engine.close()
