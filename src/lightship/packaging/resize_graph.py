"""Resizes images with operations of a TensorFlow graph, as `lightship.images.resize` does in Python.

The family "tensorflow" calls `tf.image.resize`. `pillow_graph` computes the family "pillow".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from lightship.images.spec import ImageSpec
from lightship.packaging.pillow_graph import Span, resample

if TYPE_CHECKING:
    from tensorflow import Tensor


def resize_as_tensorflow_in_graph(pixels: Tensor, spec: ImageSpec) -> Tensor:
    """Resizes uint8 [H, W, C] to [height, width, C]. Returns float32; uint8 with "nearest" and "crop_or_pad"."""
    height, width = spec.size
    if spec.fit == "crop_or_pad":
        return tf.image.resize_with_crop_or_pad(pixels, height, width)
    if spec.fit == "pad":
        return tf.image.resize_with_pad(pixels, height, width, method=spec.resize, antialias=spec.antialias)
    if spec.fit == "crop":
        pixels = _smart_crop(pixels, height, width)
    return tf.image.resize(pixels, spec.size, method=spec.resize, antialias=spec.antialias)


def _smart_crop(pixels: Tensor, target_height: int, target_width: int) -> Tensor:
    """Returns the largest centred part with the target's proportions. Uses float32 to round as Keras does."""
    height, width = tf.shape(pixels)[0], tf.shape(pixels)[1]
    wanted_height = tf.cast(tf.cast(width * target_height, tf.float32) / target_width, tf.int32)
    wanted_width = tf.cast(tf.cast(height * target_width, tf.float32) / target_height, tf.int32)
    crop_height = tf.maximum(1, tf.minimum(height, wanted_height))
    crop_width = tf.maximum(1, tf.minimum(width, wanted_width))
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    return pixels[top : top + crop_height, left : left + crop_width]


def resize_as_pillow_in_graph(pixels: Tensor, spec: ImageSpec) -> Tensor:
    """Resizes uint8 or uint16 [H, W, C]. Returns whole numbers as float32 [height, width, C].

    Like `load_img`, does not change an image that already has the right size.
    """
    same = tf.reduce_all(tf.equal(tf.shape(pixels)[:2], spec.size))
    resized = tf.cond(same, lambda: tf.cast(pixels, tf.float32), lambda: _fitted(pixels, spec))
    return tf.ensure_shape(resized, (*spec.size, spec.channels))


def _fitted(pixels: Tensor, spec: ImageSpec) -> Tensor:
    (target_height, target_width), shape = spec.size, tf.shape(pixels)
    height, width = shape[0], shape[1]
    if spec.fit == "crop":
        box_width = tf.minimum(width, height * target_width // target_height)
        box_height = tf.minimum(height, width * target_height // target_width)
        top, left = (height - box_height) // 2, (width - box_width) // 2
        rows, columns = Span(top, box_height, target_height), Span(left, box_width, target_width)
        return resample(pixels, rows, columns, spec.resize)
    if spec.fit == "pad":
        return _padded(pixels, spec)
    if spec.fit == "crop_or_pad":
        return tf.image.resize_with_crop_or_pad(tf.cast(pixels, tf.float32), target_height, target_width)
    return resample(pixels, Span(0, height, target_height), Span(0, width, target_width), spec.resize)


def _padded(pixels: Tensor, spec: ImageSpec) -> Tensor:
    (target_height, target_width), shape = spec.size, tf.shape(pixels)
    height, width = tf.cast(shape[0], tf.float64), tf.cast(shape[1], tf.float64)
    wide = width / height > target_width / target_height
    fitted_height = tf.where(wide, tf.cast(tf.round(height / width * target_width), tf.int32), target_height)
    fitted_width = tf.where(wide, target_width, tf.cast(tf.round(width / height * target_height), tf.int32))
    fitted = resample(pixels, Span(0, shape[0], fitted_height), Span(0, shape[1], fitted_width), spec.resize)
    top, left = _half(target_height - fitted_height), _half(target_width - fitted_width)
    return tf.image.pad_to_bounding_box(fitted, top, left, target_height, target_width)


def _half(number: Tensor) -> Tensor:
    return tf.cast(tf.round(tf.cast(number, tf.float64) * 0.5), tf.int32)
