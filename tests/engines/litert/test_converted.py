"""What TensorFlow's converter makes of functions gives TensorFlow's answers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tests.engines.litert.conftest import Open
from tests.tflite_models import converted, quantized, save_toy

from lightship.engines import EngineOptions, load_engine
from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.saved_model.version_model import read_model

pytest.importorskip("ai_edge_litert")

X = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)
IMAGES = np.linspace(-1, 1, 2 * 8 * 8 * 3, dtype=np.float32).reshape(2, 8, 8, 3)


def _layers(x: Any) -> Any:
    kernel = tf.constant(np.linspace(-1, 1, 3 * 3 * 3 * 4, dtype=np.float32).reshape(3, 3, 3, 4))
    x = tf.nn.relu6(tf.nn.conv2d(x, kernel, 2, "SAME"))
    x = tf.nn.max_pool2d(x, 2, 2, "VALID")
    return tf.nn.softmax(tf.reduce_mean(x, [1, 2]))


CASES: dict[str, tuple[Callable[..., Any], Mapping[str, np.ndarray]]] = {
    "a network of images": (_layers, {"x": IMAGES}),
    "a product": (lambda x: x @ tf.ones([4, 2]), {"x": X}),
    "two inputs": (lambda x, y: x * y + 1.0, {"x": X, "y": X[::-1].copy()}),
    "rows of a table": (lambda i: tf.gather(tf.constant(X), i), {"i": np.array([2, 0, 2], np.int32)}),
    "as many as are true": (tf.where, {"x": X > 0}),
    "nothing that is true": (tf.where, {"x": X > 9}),
    "a shape from the request": (lambda x: tf.ones([tf.shape(x)[0], 2]) * 3.0, {"x": X}),
    "different numbers": (lambda x: tf.unique(x)[0], {"x": np.array([3, 1, 3], np.int32)}),
    "NaN": (tf.nn.relu, {"x": np.array([np.nan, -1, np.inf], np.float32)}),
    "an input that is the output": (tf.identity, {"x": np.array([1, 2], np.uint8)}),
    "bytes of a number": (tf.identity, {"x": np.array([1 + 2j], np.complex64)}),
    "whole numbers": (lambda x: x * x, {"x": np.array([2, -3], np.int64)}),
    "a loop": (
        lambda x, n: tf.while_loop(lambda i, v: i < n, lambda i, v: (i + 1, v * 2.0), [0, x])[1],
        {"x": X, "n": np.array(5, np.int32)},
    ),
    "strings of a table": (
        lambda i: tf.gather(tf.constant(["a", "", "ü"]), i),
        {"i": np.array([[2, 0], [1, 1]], np.int32)},
    ),
    "a matrix of strings": (tf.identity, {"x": np.array([[b"a", b"\0"], [b"", b"b"]], object)}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_answers_are_tensorflows(opened: Open, name: str) -> None:
    function, inputs = CASES[name]
    specs = [
        (key, [None, *array.shape[1:]] if array.ndim else [], tf.string if array.dtype == object else array.dtype)
        for key, array in inputs.items()
    ]
    engine = opened(converted(lambda *given: {"y": function(*given)}, *specs))
    expected = function(*map(tf.constant, inputs.values())).numpy()
    answer = engine.run("serving_default", inputs)["y"]
    assert (answer.dtype, answer.shape) == (expected.dtype, expected.shape)
    if expected.dtype == object:
        assert answer.tolist() == expected.tolist()
    else:
        np.testing.assert_allclose(answer, expected, 1e-5, 1e-6)


def test_half_precision_numbers_pass() -> None:
    import ml_dtypes

    for dtype in (np.float16, ml_dtypes.bfloat16):
        data = converted(tf.identity, ("x", [None], dtype))
        from lightship.engines.litert.interpreter import Call, Interpreter

        (answer,) = Interpreter(data, 1, reset=False).run(Call(0, {"x": 0}), {"x": np.array([1.5], dtype)}, [0])
        assert (answer.dtype, answer.tolist()) == (np.dtype(dtype), [1.5])


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_quantized_numbers_stay_as_they_are(opened: Open) -> None:
    data = quantized()
    engine = opened(data)
    x = np.random.default_rng(0).integers(-128, 128, (5, 4)).astype(np.int8)
    model = tf.lite.Interpreter(model_content=data)
    runner = model.get_signature_runner()
    (name,) = runner.get_input_details()
    (answer,) = engine.run("serving_default", {name: x}).values()
    (expected,) = runner(**{name: x}).values()
    assert answer.dtype == np.int8
    np.testing.assert_array_equal(answer, expected)


def test_rows_of_a_model_of_one_row_are_run_one_after_another(opened: Open) -> None:
    """Joined, this model would answer with the sum of all rows."""
    engine = opened(converted(lambda x: {"y": tf.reduce_sum(x, [0], keepdims=True)}, ("x", [1, 4], tf.float32)))
    np.testing.assert_array_equal(engine.run("serving_default", {"x": X})["y"], X)
    assert engine.run("serving_default", {"x": X[:0]}, ["y"])["y"].shape == (0, 4)
    with pytest.raises(InvalidArgument, match=r"has shape \[3, 3\], but \[1, 4\] is expected"):
        engine.run("serving_default", {"x": X[:, :3]})


def test_another_fixed_number_of_rows_is_not_changed(opened: Open) -> None:
    engine = opened(converted(lambda x: {"y": x * 2.0}, ("x", [3, 4], tf.float32)))
    np.testing.assert_array_equal(engine.run("serving_default", {"x": X})["y"], 2 * X)
    with pytest.raises(InvalidArgument, match=r"has shape \[2, 4\], but \[3, 4\] is expected"):
        engine.run("serving_default", {"x": X[:2]})


def test_what_litert_refuses_is_the_clients_error_and_harms_no_later_call(opened: Open) -> None:
    gather = converted(lambda x, i: {"y": tf.gather(x, i)}, ("x", [None, 4], tf.float32), ("i", [None], tf.int32))
    engine = opened(gather, tflite_interpreters=1)
    for _ in range(3):
        with pytest.raises(InvalidArgument, match=r'cannot run "serving_default" with .*gather index out of bounds'):
            engine.run("serving_default", {"x": X, "i": np.array([3], np.int32)})
        answer = engine.run("serving_default", {"x": X, "i": np.array([2], np.int32)})["y"]
        np.testing.assert_array_equal(answer, X[2:])


def test_rows_that_depend_on_each_other_are_not_joined(opened: Open) -> None:
    engine = opened(converted(lambda x: {"y": x - tf.reduce_mean(x, 0)}, ("x", [None, 4], tf.float32)))
    assert engine.joining("serving_default") is None


class Counter(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.count = tf.Variable(1.0)
        pairs = tf.lookup.KeyValueTensorInitializer(tf.constant(["a", "b"]), tf.constant([1, 2], tf.int64))
        self.table = tf.lookup.StaticHashTable(pairs, -1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def counted(self, x: Any) -> Mapping[str, Any]:
        self.count.assign_add(1.0)
        return {"y": x + self.count}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def added(self, x: Any) -> Mapping[str, Any]:
        return {"y": x + self.count}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="x")])
    def looked_up(self, x: Any) -> Mapping[str, Any]:
        return {"y": self.table.lookup(x)}


def counter(folder: Path, signature: str) -> bytes:
    module = Counter()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": getattr(module, signature)})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    converter.experimental_enable_resource_variables = True
    return bytes(converter.convert())


def test_a_model_that_changes_variables_is_refused(opened: Open, tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="its runs change variables"):
        opened(counter(tmp_path / "saved", "counted"))


def test_variables_and_tables_that_nothing_changes_are_read(opened: Open, tmp_path: Path) -> None:
    engine = opened(counter(tmp_path / "added", "added"), "added")
    assert engine.run("serving_default", {"x": np.array([1.0], np.float32)})["y"].tolist() == [2.0]
    engine = opened(counter(tmp_path / "looked_up", "looked_up"), "looked_up")
    text = {"x": np.array([b"b", b"q"], object)}
    for _ in range(3):
        assert engine.run("serving_default", text)["y"].tolist() == [2, -1]


def test_a_recurrent_layer_begins_anew_with_each_run(opened: Open) -> None:
    layer = tf.keras.Sequential([tf.keras.layers.Input(batch_shape=(1, 4, 3)), tf.keras.layers.LSTM(5)])
    engine = opened(bytes(tf.lite.TFLiteConverter.from_keras_model(layer).convert()), tflite_interpreters=1)
    x = np.random.default_rng(2).normal(size=(2, 4, 3)).astype(np.float32)
    (name,) = read_model_inputs(engine)
    (answer,) = engine.run("serving_default", {name: np.concatenate([x, x])}).values()
    expected = np.concatenate([layer(row[None]) for row in (*x, *x)])
    np.testing.assert_allclose(answer, expected, 1e-5, 1e-6)


def read_model_inputs(engine: Any) -> list[str]:
    return list(engine._slots["serving_default"].signature.inputs)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version with a SavedModel and its model.tflite."""
    return save_toy(tmp_path_factory.mktemp("both") / "1")


def ask(folder: Path, **options: Any) -> tuple[str, str, str, dict[str, np.ndarray]]:
    chosen = EngineOptions(**options)
    engine = load_engine(folder, read_model(folder, prefer_tflite=chosen.prefer_tflite), chosen)
    try:
        answer = engine.run("serving_default", {"x": X})
        report = next(one for one in engine.reports() if one.signature == "serving_default")
        return report.engine, report.reason, report.proof, answer
    finally:
        engine.close()


def test_a_version_with_both_files_runs_on_litert_when_it_is_preferred(both: Path) -> None:
    expected = ask(both, engine="tensorflow")
    preferred = ask(both, prefer_tflite=True)
    assert expected[0] == "tensorflow"
    assert preferred[:2] == ("litert", "model.tflite is served")
    np.testing.assert_allclose(preferred[3]["scores"], expected[3]["scores"], 1e-5)
    np.testing.assert_array_equal(preferred[3]["best"], expected[3]["best"])


def test_by_its_name_the_engine_is_compared_with_tensorflow(both: Path) -> None:
    assert ask(both, engine="litert")[:3] == ("litert", "the engine asked for", "compared with TensorFlow")


def test_tensorflow_answers_what_litert_refuses_or_treats_differently(both: Path) -> None:
    engine = load_engine(both, read_model(both), EngineOptions(engine="litert", trust=True))
    try:
        nan = engine.run("serving_default", {"x": np.full((1, 4), np.nan, np.float32)})
        assert np.isnan(nan["scores"]).all()
        assert nan["best"].tolist() == [0]
        with pytest.raises(InvalidArgument, match=r"[Mm]at.*\[1,5\].*\[4,3\]"):
            engine.run("serving_default", {"x": np.ones((1, 5), np.float32)})
    finally:
        engine.close()


def test_a_file_that_answers_otherwise_than_its_saved_model_is_not_used(both: Path, tmp_path: Path) -> None:
    other = converted(
        lambda x: {"scores": tf.nn.softmax(x[:, :3] * 1.01), "best": tf.argmax(x, 1)}, ("x", [None, 4], tf.float32)
    )
    shutil.copytree(both, tmp_path / "1")
    (tmp_path / "1/model.tflite").write_bytes(other)
    engine, reason, _, _ = ask(tmp_path / "1", engine="litert")
    assert engine != "litert"
    assert "litert does not run it: litert's answers differ from TensorFlow's" in reason


def test_a_file_with_other_inputs_than_its_saved_model_is_not_used(both: Path, tmp_path: Path) -> None:
    shutil.copytree(both, tmp_path / "1")
    (tmp_path / "1/model.tflite").write_bytes(converted(lambda z: {"y": z}, ("z", [None, 4], tf.float32)))
    engine, reason, _, _ = ask(tmp_path / "1", engine="litert")
    assert engine != "litert"
    assert "the inputs of model.tflite are z (float), those of the model are x (float)" in reason
