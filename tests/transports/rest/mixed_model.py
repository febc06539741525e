"""A model with signatures of several inputs, outputs and dtypes."""

from __future__ import annotations

from pathlib import Path


def save_mixed_model(folder: Path) -> Path:
    """`folder`, holding version 1: `serving_default` (a, b -> sum, ids), `negate` (flag), `upper` (text), `half`."""
    import tensorflow as tf

    module = tf.Module()
    module.one = tf.Variable(1.0)
    pair = [tf.TensorSpec([None, 2], tf.float32, name="a"), tf.TensorSpec([None, 2], tf.int64, name="b")]

    @tf.function(input_signature=pair)
    def both(a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"sum": a + tf.cast(b, tf.float32) * module.one, "ids": b + 1}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.bool, name="flag")])
    def negate(flag: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"not": tf.logical_not(flag)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def upper(text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"upper": tf.strings.upper(text), "length": tf.strings.length(text)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.bfloat16, name="x")])
    def brain(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x * 0.5}

    signatures = {"serving_default": both, "negate": negate, "upper": upper, "brain": brain}
    tf.saved_model.save(module, str(folder / "1"), signatures=signatures)
    return folder
