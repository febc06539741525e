"""Encoded image to pixels as operations of a graph, twin of `lightship.images.decode`.

The formats are told apart by their first bytes, as there. JPEG is decoded with the accurate transform, which gives
Pillow's pixels exactly; TensorFlow's default is faster and rougher.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import tensorflow as tf

from lightship.images.formats import (
    BMP_SIGNATURE,
    GIF_PREFIX,
    JPEG_SIGNATURE,
    PNG_SIGNATURE,
    RIFF_SIGNATURE,
    WEBP_SIGNATURE,
)
from lightship.images.spec import ImageSpec

if TYPE_CHECKING:
    from tensorflow import Tensor

Decoder = Callable[["Tensor"], "Tensor"]

# No image is shorter, and the headers that are read here end before. Reading beyond the end would put the file's bytes
# into the error's text, which must be UTF-8 on its way to a client.
_MIN_BYTES = 34

# Pillow's fixed-point weights for grey, of ITU-R 601-2: 16 bits after the point, rounded.
_LUMA = (19595, 38470, 7471)


def decode_in_graph(encoded: Tensor, spec: ImageSpec) -> Tensor:
    """uint8 [H, W, channels] of the spec's colour; uint16 where `load_img` keeps a grey PNG's 16 bits."""
    long_enough = tf.strings.length(encoded) >= _MIN_BYTES
    with tf.control_dependencies([tf.debugging.Assert(long_enough, ["the image is empty or truncated"])]):
        encoded = tf.identity(encoded)
    is_webp = _has(encoded, RIFF_SIGNATURE) & _has(encoded, WEBP_SIGNATURE, 8)
    cases: list[tuple[Tensor, Callable[[], Tensor]]] = [
        (_has(encoded, JPEG_SIGNATURE), lambda: _jpeg(encoded, spec)),
        (_has(encoded, PNG_SIGNATURE), lambda: _png(encoded, spec)),
        (_has(encoded, GIF_PREFIX), lambda: _colored(_any(encoded, 3), spec)),
        (_has(encoded, BMP_SIGNATURE), lambda: _colored(_bmp(encoded), spec)),
        (is_webp, lambda: _colored(_webp(encoded), spec)),
    ]
    pixels = tf.case(cases, default=lambda: _refused(_dtype(spec)))
    return tf.ensure_shape(pixels, (None, None, spec.channels))


def _dtype(spec: ImageSpec) -> tf.DType:
    return tf.uint16 if _keeps_depth(spec) else tf.uint8


def _keeps_depth(spec: ImageSpec) -> bool:
    return spec.family == "pillow" and spec.color == "grayscale"


def _has(encoded: Tensor, text: bytes, position: int = 0) -> Tensor:
    return tf.equal(tf.strings.substr(encoded, position, len(text)), text)


def _refused(dtype: tf.DType) -> Tensor:
    message = "the image is none of JPEG, PNG, GIF, BMP and WebP"
    with tf.control_dependencies([tf.debugging.Assert(False, [message])]):
        return tf.zeros((1, 1, 1), dtype)


def _jpeg(encoded: Tensor, spec: ImageSpec) -> Tensor:
    # Grey in the family "tensorflow" is libjpeg's own luma; Pillow makes it from the colours.
    channels = 1 if spec.family == "tensorflow" and spec.color == "grayscale" else 3
    return _colored(tf.io.decode_jpeg(encoded, channels=channels, dct_method="INTEGER_ACCURATE"), spec)


def _png(encoded: Tensor, spec: ImageSpec) -> Tensor:
    """Byte 24 of a PNG is its depth, byte 25 its kind (0: grey without alpha)."""
    if spec.family == "tensorflow":
        return tf.io.decode_png(encoded, channels=spec.channels)
    grey = tf.equal(_byte(encoded, 25), 0)
    depth = _byte(encoded, 24)
    cases = [
        (grey & tf.equal(depth, 16), lambda: _deep_png(encoded, spec)),
        # With few bits a grey level, TensorFlow fills alpha up with a wrong value.
        (grey & tf.less(depth, 8), lambda: _colored(tf.io.decode_png(encoded, channels=3), spec)),
    ]
    channels = 4 if spec.color == "rgba" else 3
    return tf.case(cases, default=lambda: _colored(tf.io.decode_png(encoded, channels=channels), spec))


def _deep_png(encoded: Tensor, spec: ImageSpec) -> Tensor:
    pixels = tf.io.decode_png(encoded, channels=1, dtype=tf.uint16)
    if _keeps_depth(spec):
        return pixels
    return _colored(tf.cast(tf.minimum(tf.cast(pixels, tf.int32), 255), tf.uint8), spec)


def _any(encoded: Tensor, channels: int) -> Tensor:
    """The first frame. One operation for every format, known to old runtimes too, whatever they can read with it."""
    pixels = tf.io.decode_image(encoded, channels=channels, expand_animations=False)
    return tf.ensure_shape(pixels, (None, None, channels or None))


def _webp(encoded: Tensor) -> Tensor:
    """The operation wants to be asked for the channels that there are: four in an animation."""
    animated = _has(encoded, b"VP8X", 12) & tf.not_equal(_byte(encoded, 20) & 2, 0)
    return tf.cond(animated, lambda: _any(encoded, 4), lambda: _any(encoded, 0))


def _bmp(encoded: Tensor) -> Tensor:
    """A palette is looked up here, since TensorFlow takes its indices for grey; 32 bits hold alpha only if masked."""
    bits, compression = _little(encoded, 28, 2), _little(encoded, 30, 4)
    message = "only BMP images of 8, 24 or 32 bits without compression can be decoded in the graph"
    known = tf.equal(compression, 0) | (tf.equal(compression, 3) & tf.equal(bits, 32))
    with tf.control_dependencies([tf.debugging.Assert(known, [message])]):
        pixels = tf.io.decode_bmp(encoded)
    with_alpha = tf.equal(compression, 3)
    return tf.case(
        [(tf.equal(bits, 8), lambda: _palette(encoded, pixels)), (with_alpha, lambda: pixels)],
        default=lambda: pixels[..., :3],
    )


def _palette(encoded: Tensor, indices: Tensor) -> Tensor:
    """The colours lie between the header and the pixels, four bytes each."""
    start, end = 14 + _little(encoded, 14, 4), _little(encoded, 10, 4)
    blue_first = tf.reshape(tf.io.decode_raw(encoded, tf.uint8)[start:end], (-1, 4))
    return tf.gather(blue_first[:, 2::-1], tf.cast(indices[..., 0], tf.int32))


def _byte(encoded: Tensor, position: int) -> Tensor:
    return _little(encoded, position, 1)


def _little(encoded: Tensor, position: int, length: int) -> Tensor:
    """An unsigned number of the file as int32, the lowest byte first; the file must be so long."""
    parts = tf.cast(tf.io.decode_raw(tf.strings.substr(encoded, position, length), tf.uint8), tf.int32)
    return tf.reduce_sum(parts * tf.constant([256**place for place in range(length)], tf.int32))


def _colored(pixels: Tensor, spec: ImageSpec) -> Tensor:
    """Pixels of 1, 3 or 4 channels (known when the graph runs) in the spec's colour."""
    channels = tf.shape(pixels)[-1]
    if spec.color == "grayscale":
        grey = tf.cond(tf.equal(channels, 1), lambda: pixels[..., :1], lambda: _luma(pixels))
        return tf.cast(grey, _dtype(spec))
    three = tf.cond(tf.equal(channels, 1), lambda: tf.repeat(pixels[..., :1], 3, axis=-1), lambda: pixels[..., :3])
    if spec.color == "rgb":
        return three
    opaque = tf.fill(tf.concat([tf.shape(pixels)[:2], [1]], axis=0), tf.constant(255, pixels.dtype))
    alpha = tf.cond(tf.equal(channels, 4), lambda: pixels[..., 3:], lambda: opaque)
    return tf.concat([three, alpha], axis=-1)


def _luma(pixels: Tensor) -> Tensor:
    weighted = tf.reduce_sum(tf.cast(pixels[..., :3], tf.int32) * tf.constant(_LUMA), axis=-1, keepdims=True)
    return tf.cast(tf.bitwise.right_shift(weighted + 0x8000, 16), tf.uint8)
