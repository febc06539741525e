"""A precision that was asked for is never computed by another engine than the one that was asked for."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import MODELS

from lightship.bundle.bundle import open_bundle
from lightship.engines import EngineOptions, load_engine, timing
from lightship.engines.openvino import building
from lightship.engines.precision import LoadedEngine, load_checked_engine, others, supported
from lightship.errors import FailedPrecondition
from lightship.saved_model.version_model import read_model

TFLITE = Path(__file__).parents[2] / "saved_model/tflite/models/toy.tflite"


@pytest.fixture(autouse=True)
def _any_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that is said to have every precision. What it lacks, OpenVINO computes in f32."""
    monkeypatch.setattr(supported, "processor", lambda: ("a processor", ("FP32", "BF16", "FP16", "INT8")))
    monkeypatch.setattr(building, "_check_precision", lambda compiled, options: None)


@pytest.fixture
def converted(tmp_path: Path) -> Path:
    """Half plus two, with an ONNX file in f32."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from tests.engines.onnxruntime.onnx_files import write_line

    folder = Path(shutil.copytree(MODELS / "half_plus_two/123", tmp_path / "toy" / "1"))
    write_line(folder)
    return folder


def load(folder: Path, **options: Any) -> LoadedEngine:
    prefer = options.get("prefer_tflite", False)
    bundle = open_bundle(folder, "toy", 1, read=partial(read_model, prefer_tflite=prefer))
    return load_checked_engine(bundle, EngineOptions(trust=True, **options))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_openvino_does_not_compute_what_onnxruntime_lacks(converted: Path, precision: str) -> None:
    text = f"cannot be served in {precision}: onnxruntime, which runs it in f32, does not run it in {precision} "
    with pytest.raises(FailedPrecondition, match=text):
        load(converted, engine="onnxruntime", precision=precision)


def test_auto_stays_on_onnxruntime(converted: Path, tmp_path: Path) -> None:
    loaded = load(converted, engine="onnxruntime", precision="auto", cache_dir=tmp_path / "cache")
    assert (loaded.engine.engine_of("serving_default"), loaded.checked) == ("onnxruntime", None)
    loaded.engine.close()


def test_the_precision_of_a_gpu_is_not_that_of_the_processor(converted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr(supported, "processor", lambda: ("a processor", ("FP32",)))
    with pytest.raises(FailedPrecondition, match="onnxruntime cannot use GPUs"):
        load(converted, device="gpu", precision="fp16")


@pytest.mark.parametrize("engine", ["auto", "litert"])
@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_a_model_of_litert_has_its_own_precision(tmp_path: Path, engine: str, precision: str) -> None:
    shutil.copy(TFLITE, tmp_path / "model.tflite")
    with pytest.raises(FailedPrecondition, match=r"model\.tflite is served, which LiteRT computes as it was converted"):
        load(tmp_path, engine=engine, precision=precision)


def test_no_engine_stays_open_if_the_choice_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []

    def counted(*arguments: Any) -> Any:
        engine = load_engine(*arguments)
        close = engine.close
        opened.append(engine)
        engine.close = lambda: (opened.remove(engine) if engine in opened else None, close())  # type: ignore
        return engine

    seconds = iter([3.0, 1.0])  # f32, and the first of the others, which replaces it
    monkeypatch.setattr(others, "load_engine", counted)
    monkeypatch.setattr(timing, "seconds_of", lambda run: next(seconds))
    folder = Path(shutil.copytree(MODELS / "half_plus_two/123", tmp_path / "toy" / "1"))
    with pytest.raises(StopIteration):
        load(folder, engine="openvino", precision="auto", cache_dir=tmp_path / "cache")
    assert not opened
