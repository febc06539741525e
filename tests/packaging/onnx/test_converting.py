"""`lightship convert --onnx` on a SavedModel with a signature for each way in which it goes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tf2onnx")
import onnx
import onnxruntime
import tensorflow as tf
from tests.onnx_models import save_signatures
from tests.packaging.onnx.fake_tf2onnx import fake_tf2onnx

from lightship.engines import Engine, EngineOptions, load_engine
from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.packaging.onnx import convert_to_onnx, require_onnx
from lightship.packaging.onnx.signature import convert_signature
from lightship.packaging.progress import Progress
from lightship.saved_model.reader import read_saved_model


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The version folder, and what the command prints about each signature and precision."""
    version = tmp_path_factory.mktemp("models") / "toy" / "1"
    save_signatures(version)
    command = [
        sys.executable,
        "-m",
        "lightship",
        "convert",
        str(version.parent),
        "--onnx",
        "--precision=fp16",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["path"] == str(version)
    return version, {(one["signature"], one["precision"]): one for one in found["signatures"]}


@pytest.fixture(scope="module")
def engine(converted: tuple[Path, Any]) -> Iterator[Engine]:
    loaded = load_engine(converted[0], read_saved_model(converted[0]), EngineOptions(engine="onnxruntime"))
    yield loaded
    loaded.close()


def test_each_signature_that_converts_has_a_file(converted: tuple[Path, dict[str, Any]]) -> None:
    version, found = converted
    files = {name: one["file"] for (name, precision), one in found.items() if precision == "f32"}
    assert [name for name in sorted(files) if files[name]] == [
        *("floor", "gelu", "look up", "modulo", "reverse", "serving_default", "two", "xla"),
    ]
    assert files["serving_default"] == "assets.extra/model.onnx"
    assert files["look up"] == "assets.extra/model.look%20up.onnx"
    assert all((version / file).is_file() for file in files.values() if file)


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        ("divide", "divides integers by a client's values"),
        ("shaped", "takes a size from a client's values"),
        ("strings", 'its input "words" holds strings'),
        ("counts", "it changes variables"),
        ("inverse", "tf2onnx does not convert the operation MatrixInverse"),
        ("erfc", "tf2onnx does not convert the operation Erfc"),
        ("scaled erfc", "tf2onnx does not convert the operation Erfc"),
    ],
)
def test_each_other_is_named_with_the_reason(converted: tuple[Path, Any], signature: str, reason: str) -> None:
    assert reason in converted[1][signature, "f32"]["reason"]


def test_the_files_answer_as_tensorflow(engine: Engine) -> None:
    x, ids = np.array([[1, 2, 3], [-1, 0.5, 9]], np.float32), np.array([3, 0], np.int64)
    assert engine.run("serving_default", {"x": x})["y"].tolist() == (2 * x + 1).tolist()
    assert engine.run("look up", {"ids": ids})["rows"].tolist() == [[6, 7], [0, 1]]
    assert {one.signature for one in engine.reports() if one.engine == "onnxruntime"} == {"serving_default", "look up"}


def test_an_output_may_have_the_name_of_an_input(engine: Engine) -> None:
    found = engine.run("two", {"x": np.ones((2, 3), np.float32), "ids": np.array([4, 5])})
    assert engine.engine_of("two") == "onnxruntime"
    assert {name: array.tolist() for name, array in found.items()} == {"sum": [3, 3], "ids": [5, 6]}


def test_gelu_is_converted_and_becomes_one_operation(
    converted: tuple[Path, Any], engine: Engine, tmp_path: Path
) -> None:
    x = np.linspace(-9, 9, 300, dtype=np.float32).reshape(100, 3)
    assert engine.engine_of("gelu") == "onnxruntime"
    np.testing.assert_allclose(engine.run("gelu", {"x": x})["y"], tf.nn.gelu(x), rtol=1e-6, atol=1e-6)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(converted[0] / "assets.extra/model.gelu.onnx", options)
    assert [one.op_type for one in onnx.load(options.optimized_model_filepath).graph.node] == ["Gelu"]


def test_a_function_that_xla_compiles_is_converted(engine: Engine) -> None:
    assert engine.engine_of("xla") == "onnxruntime"
    assert engine.run("xla", {"x": np.array([[1, 2, 3]], np.float32)})["y"].tolist() == [[3, 6, 9]]


def test_integers_are_divided_and_rounded_down_as_in_tensorflow(engine: Engine) -> None:
    ids = np.array([-8, -7, -1, 0, 6, 7, -(2**40) - 1, -(2**63), 2**63 - 1])
    found = engine.run("floor", {"ids": ids})
    assert engine.engine_of("floor") == "onnxruntime"
    assert found["quotient"].tolist() == [int(one) // 7 for one in ids]
    assert found["remainder"].tolist() == [int(one) % 7 for one in ids]
    assert found["negative"].tolist() == [int(one) // -7 for one in ids]


def test_the_remainder_of_a_large_quotient_is_exact(engine: Engine) -> None:
    x = np.array([[1.7e9, -(2.0**30) - 9, 3], [-3, 7, 1e9]], np.float32)  # such as seconds since 1970
    found = engine.run("modulo", {"x": x})
    assert engine.engine_of("modulo") == "onnxruntime"
    assert found["y"].tolist() == (tf.constant(x) % 86400.0).numpy().tolist()
    assert found["negative"].tolist() == (tf.constant(x) % -3.0).numpy().tolist()


def test_the_remainder_of_a_tiny_negative_number_is_the_divisor(engine: Engine) -> None:
    """As TensorFlow rounds -1e-10 + 86400."""
    x = np.array([[-1e-10, 1e-10, -0.0]], np.float32)
    found = engine.run("modulo", {"x": x})
    assert found["y"].tolist() == [[86400, x[0, 1], 0]] == (tf.constant(x) % 86400.0).numpy().tolist()
    assert found["negative"].tolist() == [[x[0, 0], -3, 0]] == (tf.constant(x) % -3.0).numpy().tolist()


def test_a_dimension_is_reversed_as_in_bidirectional_layers(engine: Engine) -> None:
    assert engine.engine_of("reverse") == "onnxruntime"
    assert engine.run("reverse", {"x": np.array([[1, 2, 3], [4, 5, 6]], np.float32)})["y"].tolist() == [
        [3, 2, 1],
        [6, 5, 4],
    ]


@pytest.mark.parametrize("wrong", [-1, 4])
def test_an_id_outside_of_the_table_is_an_error_as_in_tensorflow(engine: Engine, wrong: int) -> None:
    with pytest.raises(InvalidArgument, match=rf"indices\[1\] = {wrong} is not in \[0, 4\)"):
        engine.run("look up", {"ids": np.array([0, wrong])})


def test_half_precision_has_a_file_of_its_own(converted: tuple[Path, dict[str, Any]]) -> None:
    version, found = converted
    assert found["serving_default", "fp16"]["file"] == "assets.extra/model-fp16.onnx"
    weights = onnx.load(str(version / "assets.extra/model-fp16.onnx")).graph.initializer
    assert {one.data_type for one in weights} == {onnx.TensorProto.FLOAT16}
    options = EngineOptions(engine="onnxruntime", precision="fp16", trust=True)  # type: ignore[arg-type]
    half = load_engine(version, read_saved_model(version), options)
    try:
        assert half.engine_of("serving_default") == "onnxruntime"
        x = np.array([[1 / 3, 0, 0]], np.float32)
        assert half.run("serving_default", {"x": x})["y"][0].tolist() == pytest.approx([5 / 3, 1, 1], rel=1e-3)
    finally:
        half.close()


def test_a_file_of_an_earlier_saved_model_is_not_used(converted: tuple[Path, Any], tmp_path: Path) -> None:
    version = tmp_path / "toy" / "2"
    shutil.copytree(converted[0], version)
    (version / "assets").mkdir(exist_ok=True)
    (version / "assets" / "words.txt").write_text("another\n")
    engine = load_engine(version, read_saved_model(version), EngineOptions(engine="onnxruntime", trust=True))
    try:
        assert engine.engine_of("serving_default") == "openvino"
        reasons = [one.reason for one in engine.reports() if one.signature == "serving_default"]
        assert "it was made from another SavedModel; make it again: lightship convert" in reasons[0]
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("os.abort() if 'serving' in str(sys.argv) else sys.exit('no')", "the converting process ended by signal 6"),
        ("raise ValueError('not today')", "ValueError: not today"),
        ("sys.exit(3)", "tf2onnx cannot convert it: 3"),
    ],
)
def test_a_conversion_that_fails_leaves_the_others_alone(
    converted: tuple[Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, reason: str
) -> None:
    fake_tf2onnx(tmp_path, f"import os, sys\ndef main():\n    {code}\n")
    monkeypatch.syspath_prepend(tmp_path)
    target = tmp_path / "target"
    target.mkdir()
    made = convert_to_onnx(converted[0], target, ["f32"], Progress())
    reasons = {one.signature: one.reason for one in made}
    assert reason in reasons["serving_default"]
    assert reasons.keys() == {name for name, _ in converted[1]}
    assert all(reasons.values())


def test_an_optimisation_that_fails_is_left_out(
    converted: tuple[Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tf2onnx.optimizer.identity_optimizer import IdentityOptimizer

    calls = []

    def fail(self: Any, graph: Any) -> Any:
        calls.append(graph)
        raise ValueError("not this graph")

    monkeypatch.setattr(IdentityOptimizer, "_optimize", fail)
    convert_signature(converted[0], tmp_path, "serving_default", "f32")
    onnx.checker.check_model(onnx.load(str(tmp_path / "model.onnx")))
    assert len(calls) >= 2  # without a copy of the graph, and with one


def test_what_is_missing_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tf2onnx", raising=False)
    monkeypatch.setattr("lightship.extras.find_spec", lambda name: None if name == "tf2onnx" else name)
    with pytest.raises(FailedPrecondition, match="converting to ONNX needs the package tf2onnx.*: pip install tf2onnx"):
        require_onnx()


def test_nothing_is_written_if_no_signature_converts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.conftest import MODELS

    from lightship.packaging.onnx import add_onnx
    from lightship.saved_model.version_folder import find_version

    fake_tf2onnx(tmp_path, "def main():\n    raise SystemExit('no')\n")
    monkeypatch.syspath_prepend(tmp_path)
    shutil.copytree(MODELS / "half_plus_two", tmp_path / "models")
    before = sorted(tmp_path.joinpath("models").rglob("*"))
    with pytest.raises(
        FailedPrecondition, match='converts to ONNX: .*"serving_default": tf2onnx cannot convert it: no'
    ):
        add_onnx(find_version(tmp_path / "models"), ["f32"], False)
    assert sorted(tmp_path.joinpath("models").rglob("*")) == before
