"""Models for LiteRT, converted by TensorFlow. `python -m tests.tflite_models` makes those that are checked in anew."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tensorflow as tf

Spec = tuple[str, Sequence[int | None] | None, Any]


def converted(function: Callable[..., Any], *inputs: Spec) -> bytes:
    """Converts a function of these inputs: each a name, a shape and a dtype. Its signature is `serving_default`."""
    module = tf.Module()
    specs = [tf.TensorSpec(shape, dtype, name=name) for name, shape, dtype in inputs]
    module.function = tf.function(function, input_signature=specs)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.function.get_concrete_function()], module)
    return bytes(converter.convert())


def without_signatures(model: bytes) -> bytes:
    """Returns the model as an old converter would have written it."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    parsed = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    parsed.signatureDefs = None
    builder = flatbuffers.Builder(1024)
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class Toy(tf.Module):
    """Two signatures on one set of weights, with a free number of rows."""

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(5)
        self.weights = tf.constant(rng.normal(size=(4, 3)), tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
    def scores(self, x: Any) -> Mapping[str, Any]:
        return {"scores": tf.nn.softmax(x @ self.weights), "best": tf.argmax(x @ self.weights, axis=1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def echo(self, text: Any) -> Mapping[str, Any]:
        return {"text": text}


def save_toy(folder: Path) -> Path:
    """Writes a version folder with both files."""
    toy = Toy()
    tf.saved_model.save(toy, str(folder), signatures={"serving_default": toy.scores, "echo": toy.echo})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=["serving_default", "echo"])
    (folder / "model.tflite").write_bytes(converter.convert())
    return folder


def quantized() -> bytes:
    """A dense layer with int8 inputs and outputs."""
    model = tf.keras.Sequential([tf.keras.layers.Input((4,)), tf.keras.layers.Dense(3, activation="relu")])
    rng = np.random.default_rng(7)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([rng.normal(size=(1, 4)).astype(np.float32)] for _ in range(8))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # there are no statistics of inputs, as the converter says
        return bytes(converter.convert())


HERE = Path(__file__).parent / "saved_model" / "tflite" / "models"


def doubled() -> bytes:
    """Two times x, for any number of rows of four floats."""
    return converted(lambda x: {"y": x * 2.0}, ("x", [None, 4], tf.float32))


def checked_in() -> dict[str, bytes]:
    """The files in tests/saved_model/tflite/models, with which most tests need no TensorFlow."""
    with TemporaryDirectory() as folder:
        toy = (save_toy(Path(folder)) / "model.tflite").read_bytes()
    return {"doubled": doubled(), "nameless": without_signatures(doubled()), "toy": toy}


if __name__ == "__main__":
    for name, model in checked_in().items():
        (HERE / f"{name}.tflite").write_bytes(model)
