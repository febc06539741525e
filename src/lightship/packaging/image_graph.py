"""Prepares images with operations of a TensorFlow graph, as `lightship.images.prepare` does in Python.

Uses only operations that the official `tensorflow/serving` image has. docs/guides/images.md lists the differences.
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
    """Converts an encoded image, a string scalar, to the model's input: float32 [height, width, channels].

    Reads JPEG, PNG, GIF (the first frame), BMP, and WebP if the TensorFlow that runs the graph can read it. For other
    bytes the graph fails with INVALID_ARGUMENT. `spec` must have a height and a width.
    """
    # The code needs no conversion by AutoGraph, which would take time and print warnings.
    build = tf.autograph.experimental.do_not_convert(_preprocess)
    return build(encoded, spec)


def _preprocess(encoded: Tensor, spec: ImageSpec) -> Tensor:
    resize = resize_as_pillow_in_graph if spec.family == "pillow" else resize_as_tensorflow_in_graph
    pixels = tf.ensure_shape(resize(decode_in_graph(encoded, spec), spec), (*spec.size, spec.channels))
    return apply_in_graph(tf.cast(pixels, tf.float32), spec.preprocessing)


def apply_in_graph(pixels: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Does what `Preprocessing.apply` does, in the same order, to float32 pixels [..., height, width, channels]."""
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
