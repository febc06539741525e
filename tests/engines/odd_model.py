"""A SavedModel with a signature for every oddity."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

# What each signature takes: the name of an input, its dtype and shape.
INPUTS: dict[str, list[tuple[str, str, list[int | None] | None]]] = {
    "serving_default": [("x", "float32", [None, 1])],
    "dense": [("x", "float32", [None, 4])],
    "free_dense": [("x", "float32", [None, None])],
    "transposed": [("x", "float32", [None, 3])],
    "conv": [("x", "float32", [None, 8, 8, 3])],
    "fixed": [("x", "float32", [2, 4])],
    "scalar": [("x", "float32", [])],
    "unknown_rank": [("x", "float32", None)],
    "two": [("a", "float32", [None, 2]), ("b", "float32", [None, 2])],
    "unused": [("a", "float32", [None, 2]), ("b", "float32", [None, 2])],
    "same": [("x", "float32", [None, 2])],
    "named_alike": [("x", "float32", [None, 2])],
    "constant": [("x", "float32", [None, 2])],
    "total": [("x", "float32", [None, 2])],
    "positions": [("x", "float32", [None])],
    "int64": [("x", "int64", [None])],
    "double": [("x", "float64", [None])],
    "boolean": [("x", "bool", [None])],
    "half": [("x", "float16", [None])],
    "bfloat16": [("x", "bfloat16", [None])],
    "uint64": [("x", "uint64", [None])],
    "joined": [("x", "string", [None])],
    "lookup": [("x", "string", [None])],
    "as_text": [("x", "float32", [None])],
    "quotient": [("x", "int32", [None])],
    "first": [("x", "string", [None])],
    "number": [("x", "string", [None])],
    "file": [("x", "string", [None])],
    "filled": [("x", "int64", [None])],
    "next": [("x", "float32", [None])],
}


def save_odd_model(folder: Path) -> None:
    """The version folder of a model with all of `INPUTS` as signatures."""
    import tensorflow as tf

    module = tf.Module()
    functions = _functions(module)
    signatures = {
        name: tf.function(
            functions[name], input_signature=[tf.TensorSpec(shape, dtype, key) for key, dtype, shape in inputs]
        )
        for name, inputs in INPUTS.items()
    }
    tf.saved_model.save(module, str(folder), signatures=signatures)


def _functions(module: Any) -> dict[str, Callable[..., Any]]:
    import tensorflow as tf

    module.weights = tf.Variable(tf.random.normal([4, 2], seed=1))
    module.filters = tf.Variable(tf.random.normal([3, 3, 3, 4], seed=2))
    initial = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([1.0, 2.0]))
    module.table = tf.lookup.StaticHashTable(initial, -1.0)

    def conv(x: Any) -> Any:
        features = tf.reduce_mean(tf.nn.conv2d(x, module.filters, 1, "SAME"), [1, 2])
        return {"y": features @ module.weights}

    return {
        "serving_default": lambda x: {"y": 0.5 * x + 2.0},
        "dense": lambda x: {"y": x @ module.weights},
        "free_dense": lambda x: {"y": x @ module.weights},
        "transposed": lambda x: {"y": tf.matmul(x, module.weights, transpose_a=True)},
        "conv": conv,
        "fixed": lambda x: {"y": x @ module.weights},
        "scalar": lambda x: {"y": 2.0 * x},
        "unknown_rank": lambda x: {"y": 2.0 * x},
        "two": lambda a, b: {"sum": a + b, "difference": a - b},
        "unused": lambda a, b: {"y": 2.0 * a},
        "same": lambda x: {"y": 2.0 * x, "again": 2.0 * x, "itself": x},
        "named_alike": lambda x: {"x": 2.0 * x},
        "constant": lambda x: {"y": 2.0 * x, "constant": tf.constant([1.0, 2.0])},
        "total": lambda x: {"y": tf.reduce_sum(x)},
        "positions": lambda x: {"y": tf.where(x > 0)},
        "int64": lambda x: {"y": x + 1},
        "double": lambda x: {"y": x * 0.1},
        "boolean": lambda x: {"y": tf.logical_not(x)},
        "half": lambda x: {"y": x * 2},
        "bfloat16": lambda x: {"y": x * 2},
        "uint64": lambda x: {"y": x + 1},
        "joined": lambda x: {"y": tf.strings.join([x, x])},
        "lookup": lambda x: {"y": module.table.lookup(x)},
        "as_text": lambda x: {"y": tf.strings.as_string(x)},
        "quotient": lambda x: {"y": 10 // x},
        "first": lambda x: {"y": x[0]},
        "number": lambda x: {"y": tf.strings.to_number(x)},
        "file": lambda x: {"y": tf.io.read_file(x[0])},
        "filled": lambda x: {"y": tf.strings.as_string(tf.reduce_sum(tf.fill(x, 1.0)))},
        "next": lambda x: {"y": next(iter(tf.data.Dataset.range(0).repeat(tf.size(x, tf.int64))))},
    }
