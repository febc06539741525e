"""The TensorFlow twin of `lightship.images.prepare`: the same image spec as operations of a graph.

Only operations that the official `tensorflow/serving` image has. What differs from the twin stands in docs/images.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from lightship.images.preprocessing import CAFFE_MEAN_BGR, TORCH_MEAN, TORCH_STD, Preprocessing
from lightship.images.spec import ImageSpec
from lightship.packaging.decode_graph import decode_in_graph
from lightship.packaging.resize_graph import resize_as_pillow_in_graph, resize_as_tensorflow_in_graph

if TYPE_CHECKING:
    from tensorflow import Tensor


def preprocess_in_graph(encoded: Tensor, spec: ImageSpec) -> Tensor:
    """One encoded image, a string scalar, to the model's input: float32 [height, width, channels].

    JPEG, PNG, GIF (first frame), BMP, and WebP where the TensorFlow that runs the graph reads it; a run fails with
    INVALID_ARGUMENT for anything else. `spec` must have its height and width.
    """
    # Written as a graph already: AutoGraph would only take time, and warn of what it does not know.
    build = tf.autograph.experimental.do_not_convert(_preprocess)
    return build(encoded, spec)


def _preprocess(encoded: Tensor, spec: ImageSpec) -> Tensor:
    resize = resize_as_pillow_in_graph if spec.family == "pillow" else resize_as_tensorflow_in_graph
    pixels = tf.ensure_shape(resize(decode_in_graph(encoded, spec), spec), (*spec.size, spec.channels))
    return apply_in_graph(tf.cast(pixels, tf.float32), spec.preprocessing)


def apply_in_graph(pixels: Tensor, preprocessing: Preprocessing) -> Tensor:
    """`Preprocessing.apply` on float32 pixels [..., height, width, channels], in the same order of operations."""
    match preprocessing.kind:
        case "tf":
            return pixels / np.float32(127.5) - np.float32(1.0)
        case "caffe":
            return pixels[..., ::-1] - _floats(CAFFE_MEAN_BGR)
        case "torch":
            return (pixels / np.float32(255.0) - _floats(TORCH_MEAN)) / _floats(TORCH_STD)
        case "scale":
            return pixels * _floats(preprocessing.first) + _floats(preprocessing.second)
        case "mean_std":
            return (pixels - _floats(preprocessing.first)) / _floats(preprocessing.second)
    return pixels


def _floats(numbers: tuple[float, ...]) -> Tensor:
    return tf.constant(numbers, tf.float32)
