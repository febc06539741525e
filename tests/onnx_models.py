"""A SavedModel with a signature for each way in which a conversion to ONNX goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf


def save_signatures(folder: Path) -> None:
    """A version folder with `serving_default`, y = 2 x + 1 by a matrix, and signatures for all else."""
    import tensorflow as tf

    module = tf.Module()
    double = tf.function(lambda x: 2 * x, jit_compile=True)
    module.weights = tf.Variable(2 * tf.eye(3))
    module.table = tf.Variable(tf.reshape(tf.range(8, dtype=tf.float32), [4, 2]))
    module.counter = tf.Variable(0.0)
    floats, ids = tf.TensorSpec([None, 3], tf.float32, name="x"), tf.TensorSpec([None], tf.int64, name="ids")
    size = tf.TensorSpec([], tf.int32, name="size")
    signatures = {
        "serving_default": _function(lambda x: {"y": x @ module.weights + 1.0}, floats),
        "look up": _function(lambda ids: {"rows": tf.gather(module.table, ids)}, ids),
        "two": _function(lambda x, ids: {"sum": tf.reduce_sum(x, 1), "ids": ids + 1}, floats, ids),
        "xla": _function(lambda x: {"y": x + double(x)}, floats),
        "reverse": _function(lambda x: {"y": tf.reverse(x, [1])}, floats),
        "gelu": _function(lambda x: {"y": tf.nn.gelu(x)}, floats),
        "erfc": _function(lambda x: {"y": tf.math.log(tf.math.erfc(x))}, floats),
        "scaled erfc": _function(lambda x: {"y": tf.exp(x * x) * tf.math.erfc(x)}, floats),
        "floor": _function(lambda ids: {"quotient": ids // 7, "remainder": ids % 7, "negative": ids // -7}, ids),
        "modulo": _function(lambda x: {"y": x % 86400.0, "negative": x % -3.0}, floats),
        "divide": _function(lambda ids: {"y": 7 // ids}, ids),
        "shaped": _function(lambda size: {"y": tf.zeros([size])}, size),
        "strings": _function(lambda words: {"y": tf.strings.length(words)}, tf.TensorSpec([None], tf.string, "words")),
        "inverse": _function(lambda x: {"y": tf.linalg.inv(tf.einsum("ij,ik->ijk", x, x))}, floats),
        "counts": _function(lambda x: {"y": x + module.counter.assign_add(1.0)}, floats),
    }
    tf.saved_model.save(module, str(folder), signatures=signatures)


def _function(body: Any, *specs: tf.TensorSpec) -> Any:
    import tensorflow as tf

    return tf.function(body, input_signature=list(specs))
