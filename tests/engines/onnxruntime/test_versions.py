"""Which versions run on onnxruntime, and what becomes of the others. On the CPU."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import MODELS

from lightship.engines import Engine, EngineOptions, load_engine
from lightship.engines.base import SignatureReport
from lightship.engines.tensorflow import tensorflow_installed
from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.saved_model.reader import read_saved_model

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
from tests.engines.onnxruntime.onnx_files import write_line

X = {"x": np.array([[1.0], [2.0], [5.0]], np.float32)}
RIGHT = [[2.5], [3.0], [4.5]]


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """Half plus two, without an ONNX file."""
    folder = tmp_path / "toy" / "1"
    shutil.copytree(MODELS / "half_plus_two/123", folder)
    return folder


@contextmanager
def opened(folder: Path, **options: Any) -> Iterator[Engine]:
    engine = load_engine(folder, read_saved_model(folder), EngineOptions(**({"engine": "onnxruntime"} | options)))
    try:
        yield engine
    finally:
        engine.close()


def report(engine: Engine) -> SignatureReport:
    return next(one for one in engine.reports() if one.signature == "serving_default")


def test_a_converted_version_runs_on_onnxruntime(version: Path) -> None:
    write_line(version)
    with opened(version) as engine:
        assert engine.run("serving_default", X)["y"].tolist() == RIGHT
        assert (engine.name, report(engine).engine) == ("onnxruntime", "onnxruntime")


def test_calls_are_joined(version: Path) -> None:
    write_line(version)
    with opened(version) as engine:
        joining = engine.joining("serving_default")
        assert joining is not None
        assert joining.streams == 1
        joined = engine.run_joined("serving_default", X)
        assert joined is not None
        assert joined["y"].tolist() == RIGHT


@pytest.mark.tensorflow
def test_a_signature_without_a_file_runs_on_another_engine(version: Path) -> None:
    write_line(version)
    with opened(version) as engine:
        assert engine.engine_of("classify_x_to_y") == "openvino"
        (reason,) = [one.reason for one in engine.reports() if one.signature == "classify_x_to_y"]
        assert "the signature was not converted: there is no assets.extra/model.classify_x_to_y.onnx" in reason


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda version: None, "it has no assets.extra/model.onnx; `lightship convert "),
        (lambda version: write_line(version, saved_model="0" * 64), "it was made from another SavedModel"),
        (lambda version: _without_notes(write_line(version)), "it was not made by this Lightship"),
        (lambda version: _cut(write_line(version)), "onnxruntime cannot load model.onnx"),
        (lambda version: _flip(write_line(version)), "it is damaged: a name or note in it is not UTF-8"),
    ],
)
def test_a_file_that_does_not_belong_to_the_version_is_not_used(version: Path, spoil: Any, reason: str) -> None:
    spoil(version)
    with opened(version, trust=True) as engine:
        assert engine.run("serving_default", X)["y"].tolist() == RIGHT
        assert engine.name == "openvino"
        assert reason in report(engine).reason


@pytest.mark.tensorflow
def test_a_file_whose_answers_are_not_tensorflows_is_not_used(version: Path) -> None:
    write_line(version, b=2.01)
    with opened(version) as engine:
        assert engine.run("serving_default", X)["y"].tolist() == RIGHT
        assert "onnxruntime's answers differ from TensorFlow's" in report(engine).reason


def test_shapes_that_the_file_does_not_take_are_not_computed(version: Path) -> None:
    write_line(version)
    wrong = {"x": np.ones((2, 3), np.float32)}
    with opened(version) as engine:
        if tensorflow_installed():
            assert engine.run("serving_default", wrong)["y"].tolist() == [[2.5, 2.5, 2.5], [2.5, 2.5, 2.5]]
        else:
            with pytest.raises(InvalidArgument, match=r'input "x" of shape \[2,3\] cannot be computed'):
                engine.run("serving_default", wrong)
        assert engine.run("serving_default", X)["y"].tolist() == RIGHT


def test_a_wrong_dtype_is_refused(version: Path) -> None:
    write_line(version)
    with opened(version) as engine, pytest.raises(InvalidArgument, match="Expects arg\\[0\\] to be float"):
        engine.run("serving_default", {"x": np.ones((1, 1), np.float64)})


def test_rows_in_any_order_of_memory_give_the_same(version: Path) -> None:
    write_line(version)
    spread = np.ones((3, 8), np.float32)[:, ::8] * X["x"]
    with opened(version) as engine:
        assert engine.run("serving_default", {"x": spread[::-1]})["y"].tolist() == RIGHT[::-1]


def test_a_gpu_without_onnxruntime_for_gpus_is_an_error(version: Path) -> None:
    write_line(version)
    with (
        pytest.raises(FailedPrecondition, match=r"onnxruntime-gpu.*pip install 'lightship\[gpu\]'"),
        opened(version, engine="auto", device="gpu"),
    ):
        pass


def test_another_engine_on_a_gpu_is_an_error(version: Path) -> None:
    with (
        pytest.raises(InvalidArgument, match="openvino does not run on the device gpu:1"),
        opened(version, engine="openvino", device="gpu:1"),
    ):
        pass


def _without_notes(file: Path) -> None:
    import onnx

    model = onnx.load(str(file))
    del model.metadata_props[:]
    onnx.save(model, str(file))


def _flip(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"lightship.guards", b"lightship.guard\xe1"))


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])
