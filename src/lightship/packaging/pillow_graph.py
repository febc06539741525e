"""Resizes as `PIL.Image.resize` does, with operations of a TensorFlow graph.

Pillow rounds its weights, computed in double precision, to 22 fractional bits, sums whole numbers, and rounds the
pixels after each of the two passes. Here the sums are products of float32 matrices. They stay exact because every
weight is split into a high and a low half; float64 would take several times as long.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import tensorflow as tf

if TYPE_CHECKING:
    from tensorflow import Tensor

# Pillow's accumulator has 32 bits: 8 for a pixel, 2 spare bits, and these for the weight.
_BITS = 22
# Float32 is exact for whole numbers up to 2 ** 24. The low half of a weight is at most 2 ** 6, and the sum of the high
# halves of an output pixel is at most about 1.4 * 2 ** 15. Times 255, both stay below 2 ** 24 for kernels of up to a
# thousand pixels.
_LOW_BITS = 7


_Sums = Callable[["Tensor", "Tensor"], "Tensor"]


class Span(NamedTuple):
    """The part of one axis that is resized."""

    start: int | Tensor
    length: Tensor
    # The number of pixels that the part is resized to.
    out: int | Tensor


def resample(pixels: Tensor, rows: Span, columns: Span, method: str) -> Tensor:
    """Resizes pixels [H, W, C] with the same results as Pillow's `Image.resize(size, method, box=...)`.

    Returns whole numbers as float32. pixels: uint8 with 1, 3 or 4 channels (the fourth is alpha, which weights the
    colours), or uint16 with one channel. `rows` and `columns` give the part of the image and the new size.
    """
    if method == "nearest":
        picked = tf.gather(tf.gather(pixels, _nearest(rows), axis=0), _nearest(columns), axis=1)
        return tf.cast(picked, tf.float32)
    if pixels.dtype == tf.uint16:
        deep = tf.reduce_max(tf.cast(pixels, tf.int32)) > 255
        return tf.cond(
            deep,
            lambda: _two_passes(tf.cast(pixels, tf.float64), rows, columns, method, _deep_sums),
            lambda: _two_passes(tf.cast(pixels, tf.float32), rows, columns, method, _sums),
        )
    if pixels.shape[-1] == 4:
        return _divided_by_alpha(_two_passes(_multiplied_by_alpha(pixels), rows, columns, method, _sums))
    return _two_passes(tf.cast(pixels, tf.float32), rows, columns, method, _sums)


def _nearest(span: Span) -> Tensor:
    """Adds the step from pixel to pixel as Pillow does, because rounding errors matter at whole positions."""
    step = tf.cast(span.length, tf.float64) / tf.cast(span.out, tf.float64)
    first = tf.cast(span.start, tf.float64) + step * 0.5
    positions = tf.cumsum(tf.concat([[first], tf.fill([span.out - 1], step)], axis=0))
    return tf.cast(tf.floor(positions), tf.int32)


def _two_passes(pixels: Tensor, rows: Span, columns: Span, method: str, sums: _Sums) -> Tensor:
    """Resizes across, then down, or in the other order if that saves work, by the rule of Pillow 13."""
    shape = tf.shape(pixels)
    height, width = shape[0], shape[1]
    # Both orders need the same weights.
    of_rows, of_columns = _weights(height, rows, method), _weights(width, columns, method)

    def down(part: Tensor) -> Tensor:
        return _one_pass(part, of_rows, rows.out, sums)

    def across(part: Tensor) -> Tensor:
        return tf.transpose(_one_pass(tf.transpose(part, (1, 0, 2)), of_columns, columns.out, sums), (1, 0, 2))

    fewer_rows, fewer_columns = height - rows.out, width - columns.out
    down_first = (fewer_rows > 0) & (fewer_rows > 2 * fewer_columns)
    return tf.cast(tf.cond(down_first, lambda: across(down(pixels)), lambda: down(across(pixels))), tf.float32)


def _one_pass(pixels: Tensor, weights: Tensor, out: int | Tensor, sums: _Sums) -> Tensor:
    """Resizes along the first axis to a length of `out`."""
    shape = tf.shape(pixels)
    summed = sums(weights, tf.reshape(pixels, (shape[0], shape[1] * shape[2])))
    return tf.reshape(summed, (out, shape[1], shape[2]))


def _sums(weights: Tensor, pixels: Tensor) -> Tensor:
    """Computes weighted sums exactly as Pillow does with integers. Returns whole numbers below 256."""
    scaled = weights * float(1 << _BITS)
    whole = tf.sign(scaled) * tf.floor(tf.abs(scaled) + 0.5)
    high = tf.round(whole / float(1 << _LOW_BITS))
    low = whole - high * float(1 << _LOW_BITS)
    products = [tf.cast(tf.matmul(tf.cast(half, tf.float32), pixels), tf.int32) for half in (high, low)]
    total = products[0] * (1 << _LOW_BITS) + products[1] + (1 << (_BITS - 1))
    return tf.cast(tf.clip_by_value(tf.bitwise.right_shift(total, _BITS), 0, 255), tf.float32)


def _deep_sums(weights: Tensor, pixels: Tensor) -> Tensor:
    """Computes weighted sums of pixels with 16 bits in double precision, as Pillow does."""
    return tf.clip_by_value(tf.floor(tf.matmul(weights, pixels) + 0.5), 0.0, 65535.0)


def _weights(size: Tensor, span: Span, method: str) -> Tensor:
    """Returns the weight of each pixel in each output pixel, float64 [out, size]. Kernels may reach beyond the span."""
    kernel, radius = _KERNELS[method]
    scale = tf.cast(span.length, tf.float64) / tf.cast(span.out, tf.float64)
    stretch = tf.maximum(scale, 1.0)
    reach = radius * stretch
    steps = tf.cast(tf.range(span.out), tf.float64) + 0.5
    centre = (tf.cast(span.start, tf.float64) + steps * scale)[:, tf.newaxis]
    pixel = tf.cast(tf.range(size), tf.float64)[tf.newaxis]
    inside = (pixel >= tf.floor(centre - reach + 0.5)) & (pixel < tf.floor(centre + reach + 0.5))
    weights = tf.where(inside, kernel((pixel - centre + 0.5) * (1.0 / stretch)), 0.0)
    return weights / tf.reduce_sum(weights, axis=1, keepdims=True)


def _box(x: Tensor) -> Tensor:
    return tf.cast((x > -0.5) & (x <= 0.5), tf.float64)


def _triangle(x: Tensor) -> Tensor:
    return tf.maximum(1.0 - tf.abs(x), 0.0)


def _hamming(x: Tensor) -> Tensor:
    window = 0.54 + 0.46 * tf.cos(math.pi * x)
    return tf.where(tf.abs(x) < 1.0, _sinc(x) * window, 0.0)


def _cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution with a = -0.5."""
    x = tf.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5
    return tf.where(x < 1.0, near, tf.where(x < 2.0, far, 0.0))


def _lanczos(x: Tensor) -> Tensor:
    return tf.where((x >= -3.0) & (x < 3.0), _sinc(x) * _sinc(x / 3.0), 0.0)


def _sinc(x: Tensor) -> Tensor:
    return tf.where(tf.equal(x, 0.0), tf.ones_like(x), tf.math.divide_no_nan(tf.sin(math.pi * x), math.pi * x))


_KERNELS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "box": (_box, 0.5),
    "bilinear": (_triangle, 1.0),
    "hamming": (_hamming, 1.0),
    "bicubic": (_cubic, 2.0),
    "lanczos": (_lanczos, 3.0),
}


def _multiplied_by_alpha(pixels: Tensor) -> Tensor:
    """Returns float32 [H, W, 4], rounded as in Pillow's conversion to its mode RGBa."""
    whole = tf.cast(pixels, tf.int32)
    product = whole[..., :3] * whole[..., 3:] + 128
    colors = tf.bitwise.right_shift(tf.bitwise.right_shift(product, 8) + product, 8)
    return tf.cast(tf.concat([colors, whole[..., 3:]], axis=-1), tf.float32)


def _divided_by_alpha(pixels: Tensor) -> Tensor:
    """Reverses `_multiplied_by_alpha`, truncating as Pillow does. Where alpha is 0 the colours stay."""
    whole = tf.cast(pixels, tf.int32)
    colors, alpha = whole[..., :3], whole[..., 3:]
    divided = tf.minimum(colors * 255 // tf.maximum(alpha, 1), 255)
    return tf.cast(tf.concat([tf.where(alpha > 0, divided, colors), alpha], axis=-1), tf.float32)
