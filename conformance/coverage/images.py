"""Models of images."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from conformance.coverage.row import Row, export, seeded


def two_outputs(folder: Path) -> None:
    keras = seeded()
    layers = keras.layers
    inputs = keras.Input((64, 64, 3), name="image")
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(16, 3, strides=2, activation="relu")(inputs))
    outputs = {"kind": layers.Dense(5, "softmax", name="kind")(x), "age": layers.Dense(1, name="age")(x)}
    export(keras.Model(inputs, outputs), folder)


def classifier(folder: Path, policy: str) -> None:
    keras = seeded()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        layers = keras.layers
        inputs = keras.Input((64, 64, 3), name="image")
        x = inputs
        for width in (16, 32):
            x = layers.Conv2D(width, 3, strides=2, use_bias=False)(x)
            x = layers.Activation("relu")(layers.BatchNormalization()(x))
        x = layers.Dense(5)(layers.GlobalAveragePooling2D()(x))
        model = keras.Model(inputs, layers.Activation("softmax", dtype="float32" if "mixed" in policy else None)(x))
    finally:
        keras.config.set_dtype_policy(before)
    export(model, folder)


def detector(folder: Path, kind: str) -> None:
    """A grid of boxes with the scores of three classes, of which the suppression keeps the best."""
    keras = seeded()
    import tensorflow as tf

    layers = keras.layers
    inputs = keras.Input((64, 64, 3), name="image")
    x = layers.Conv2D(16, 3, strides=4, padding="same", activation="relu")(inputs)
    x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(x)
    boxes = layers.Reshape((64, 4))(layers.Conv2D(4, 1, activation="sigmoid")(x))
    scores = layers.Reshape((64, 3))(layers.Conv2D(3, 1, activation="sigmoid")(x))
    raw = keras.Model(inputs, [boxes, scores])
    module = tf.Module()
    module.kept = [variable.value for variable in raw.variables]

    @tf.function(input_signature=[tf.TensorSpec([None, 64, 64, 3], tf.float32, "image")])  # type: ignore[untyped-decorator]
    def combined(image: Any) -> Any:
        corners, found = _corners(tf, raw(image))
        kept = tf.image.combined_non_max_suppression(corners[:, :, None], found, 10, 20, 0.5, 0.1)
        return {"boxes": kept[0], "scores": kept[1], "classes": kept[2], "count": kept[3]}

    @tf.function(input_signature=[tf.TensorSpec([1, 64, 64, 3], tf.float32, "image")])  # type: ignore[untyped-decorator]
    def single(image: Any) -> Any:
        corners, found = _corners(tf, raw(image))
        best = tf.reduce_max(found[0], -1)
        kept = tf.image.non_max_suppression(corners[0], best, 10, 0.5, 0.1)
        return {"boxes": tf.gather(corners[0], kept), "scores": tf.gather(best, kept)}

    module.run = combined if kind == "combined" else single
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.run})


def _corners(tf: Any, made: Any) -> Any:
    boxes, scores = made
    centre, size = boxes[..., :2], boxes[..., 2:] * 0.2
    return tf.concat([centre - size, centre + size], -1), scores


def segmentation(folder: Path) -> None:
    keras = seeded()
    layers = keras.layers
    inputs = keras.Input((512, 512, 3), name="image")
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(inputs)
    deep = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Concatenate()([layers.Conv2DTranspose(8, 3, strides=2, padding="same")(deep), x])
    x = layers.UpSampling2D(2, interpolation="bilinear")(layers.Conv2D(21, 1)(x))
    export(keras.Model(inputs, layers.Softmax()(x)), folder)


def rows() -> Iterator[Row]:
    rng = np.random.default_rng(3)
    small = rng.random((3, 64, 64, 3), np.float32)
    asks = {"serving_default": [{"image": small[:1]}, {"image": small}]}
    one = {"serving_default": [{"image": small[:1]}, {"image": small[1:2]}]}
    large = {"serving_default": [{"image": rng.random((1, 512, 512, 3), np.float32)}]}
    yield Row("Images", "two outputs", two_outputs, asks)
    for policy in ("float16", "mixed_float16", "mixed_bfloat16"):
        yield Row("Images", f"`{policy}`", partial(classifier, policy=policy), asks)
    combined = partial(detector, kind="combined")
    yield Row("Images", "detection with `combined_non_max_suppression`", combined, asks)
    yield Row("Images", "detection with `non_max_suppression`", partial(detector, kind="single"), one)
    yield Row("Images", "segmentation, 512x512x21 out", segmentation, large)
