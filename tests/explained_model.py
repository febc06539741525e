"""A small image classifier with explanations, as an export writes it, but made in a second."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lightship.bundle.explain_spec import ExplainSpec
from lightship.bundle.labels import labels_text
from lightship.bundle.manifest import LABELS_FILE, Manifest, write_manifest
from lightship.images.spec import ImageSpec

# A label that looks like an index of another class, and one that has to be escaped in JSON and in a header.
LABELS = ("cat", "dog", "0", "bull mästiff", "horse")
SIDE = 8
SPEC = ImageSpec(SIDE, SIDE, preprocessing={"scale": 1 / 255}, resize="bilinear")
METHODS = {"cam": "explain_cam", "grad-cam": "explain_grad_cam"}
INPUT = "x"


def save_explained_model(folder: Path, fit: str = "stretch") -> None:
    """Writes a version folder: a convolution, global average pooling, and a dense layer with softmax.

    fit: that of its image spec. `grad-cam` is the positive part of the map of `cam`, and its layer has 4 x 4 places.
    """
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(folder), signatures=_signatures())
    extra = folder / "assets.extra"
    extra.mkdir()
    (extra / LABELS_FILE).write_text(labels_text(LABELS), encoding="utf-8")
    manifest = Manifest(
        created="2026-11-28T00:00:00Z",
        frameworks={},
        files={},
        labels=LABELS_FILE,
        image=ImageSpec.from_json(SPEC.to_json() | {"fit": fit}),
        image_signatures=("image_bytes",),
        explain=ExplainSpec("features", "cam", METHODS),
    )
    write_manifest(folder, manifest)


def weights() -> tuple[Any, Any, Any]:
    """Returns the kernel of the convolution, and the weights and biases of the dense layer."""
    random = np.random.default_rng(7)
    kernel = random.normal(size=(3, 3, 3, 6)).astype(np.float32)
    return kernel, random.normal(size=(6, len(LABELS))).astype(np.float32), np.float32([0.5, -0.25, 0.0, 0.125, -1.0])


def picture(seed: int = 0, width: int = 40, height: int = 30) -> bytes:
    """Returns a PNG of random colours in a few large squares."""
    squares = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(squares).resize((width, height), Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()


def _signatures() -> dict[str, Any]:
    import tensorflow as tf

    from lightship.packaging.image_graph import preprocess_in_graph

    kernel, dense, bias = map(tf.constant, weights())
    images = tf.TensorSpec([None, SIDE, SIDE, 3], tf.float32, name=INPUT)
    encoded = tf.TensorSpec([None], tf.string, name="image_bytes")
    index = tf.TensorSpec([None], tf.int32, name="class_index")

    def features(x: Any) -> Any:
        return tf.nn.relu(tf.nn.conv2d(x, kernel, 2, "SAME"))

    def logits(x: Any) -> Any:
        return tf.reduce_mean(features(x), [1, 2]) @ dense + bias

    def explained(x: Any, class_index: Any, positive: bool = False) -> dict[str, Any]:
        raw = logits(x)
        best = tf.argmax(raw, 1, output_type=tf.int32)
        chosen = tf.one_hot(tf.where(class_index < 0, best, class_index), len(LABELS))
        heat = tf.reduce_sum(features(x) * (chosen @ tf.transpose(dense))[:, None, None, :], 3)
        return {
            "map": tf.nn.relu(heat) if positive else heat,
            "class_index": tf.where(class_index < 0, best, class_index),
            "score": tf.reduce_sum(tf.nn.softmax(raw) * chosen, 1),
            "logit": tf.reduce_sum(raw * chosen, 1),
        }

    def decoded(data: Any) -> Any:
        shape = tf.TensorSpec((SIDE, SIDE, 3), tf.float32)
        return tf.map_fn(lambda one: preprocess_in_graph(one, SPEC), data, fn_output_signature=shape)

    def explained_image(data: Any, class_index: Any) -> dict[str, Any]:
        found = explained(decoded(data), class_index)
        label = tf.gather(tf.constant(LABELS), found["class_index"])
        return {name: found[name] for name in ("map", "class_index", "score")} | {"label": label}

    def ranked(data: Any) -> dict[str, Any]:
        best, indices = tf.math.top_k(tf.nn.softmax(logits(decoded(data))), len(LABELS))
        return {"labels": tf.gather(tf.constant(LABELS), indices), "scores": best}

    functions = {
        "serving_default": (lambda x: {"scores": tf.nn.softmax(logits(x))}, [images]),
        "image_bytes": (lambda image_bytes: ranked(image_bytes), [encoded]),
        "explain": (
            lambda image_bytes: explained_image(image_bytes, tf.fill([tf.shape(image_bytes)[0]], -1)),
            [encoded],
        ),
        "explain_class": (
            lambda image_bytes, class_index: explained_image(image_bytes, class_index),
            [encoded, index],
        ),
        "explain_cam": (lambda x, class_index: explained(x, class_index), [images, index]),
        "explain_grad_cam": (lambda x, class_index: explained(x, class_index, positive=True), [images, index]),
    }
    return {
        name: tf.function(function, input_signature=specs, autograph=False)
        for name, (function, specs) in functions.items()
    }
