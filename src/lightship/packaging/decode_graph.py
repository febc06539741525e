"""Decodes an image with operations of a TensorFlow graph, as `lightship.images.decode` does in Python.

As in `lightship.images.decode`, the first bytes decide the format. JPEG is decoded with the accurate transform, which
gives exactly Pillow's pixels; TensorFlow's default transform is faster and less accurate.
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

# No image is shorter than this, and the headers that are read here are within it. If the graph read beyond the end, the
# error text would contain bytes of the file, but gRPC sends it as UTF-8.
_MIN_BYTES = 34

# Pillow's weights for grey (ITU-R 601-2) as fixed-point numbers with 16 fractional bits, rounded.
_LUMA = (19595, 38470, 7471)


def decode_in_graph(encoded: Tensor, spec: ImageSpec) -> Tensor:
    """Returns uint8 [H, W, channels] in the spec's colour; uint16 if `load_img` keeps the 16 bits of a grey PNG."""
    long_enough = tf.strings.length(encoded) >= _MIN_BYTES
    with tf.control_dependencies([tf.debugging.Assert(long_enough, ["the image is empty or truncated"])]):
        encoded = tf.identity(encoded)
    is_webp = _has(encoded, RIFF_SIGNATURE) & _has(encoded, WEBP_SIGNATURE, 8)
    dtype = _dtype(spec)
    cases: list[tuple[Tensor, Callable[[], Tensor]]] = [
        (_has(encoded, JPEG_SIGNATURE), lambda: tf.cast(_jpeg(encoded, spec), dtype)),
        (_has(encoded, PNG_SIGNATURE), lambda: _png(encoded, spec)),
        (_has(encoded, GIF_PREFIX), lambda: tf.cast(_any(encoded, 3), dtype)),
        (_has(encoded, BMP_SIGNATURE), lambda: tf.cast(_bmp(encoded), dtype)),
        (is_webp, lambda: tf.cast(_webp(encoded), dtype)),
    ]
    # The colour is converted once, after whichever decoder ran: every part of this graph is traced, saved and loaded
    # with each signature for images.
    pixels = _colored(tf.case(cases, default=lambda: _refused(dtype)), spec)
    return tf.ensure_shape(pixels, (None, None, spec.channels))


def _dtype(spec: ImageSpec) -> tf.DType:
    return tf.uint16 if _keeps_depth(spec) else tf.uint8


def _keeps_depth(spec: ImageSpec) -> bool:
    return spec.family == "pillow" and spec.color == "grayscale"


def _has(encoded: Tensor, text: bytes, position: int = 0) -> Tensor:
    return tf.equal(tf.strings.substr(encoded, position, len(text)), text)


def _refused(dtype: tf.DType) -> Tensor:
    message = "the image is not a JPEG, PNG, GIF, BMP or WebP file"
    with tf.control_dependencies([tf.debugging.Assert(False, [message])]):
        return tf.zeros((1, 1, 1), dtype)


def _jpeg(encoded: Tensor, spec: ImageSpec) -> Tensor:
    # In the family "tensorflow", grey is libjpeg's luma. Pillow computes it from the colours.
    channels = 1 if spec.family == "tensorflow" and spec.color == "grayscale" else 3
    return tf.io.decode_jpeg(encoded, channels=channels, dct_method="INTEGER_ACCURATE")


def _png(encoded: Tensor, spec: ImageSpec) -> Tensor:
    """Decodes a PNG. Its byte 24 is the bit depth, byte 25 the colour type (0: grey without alpha, 3: palette)."""
    if spec.family == "tensorflow":
        return tf.io.decode_png(encoded, channels=spec.channels)
    kind, depth, dtype = _byte(encoded, 25), _byte(encoded, 24), _dtype(spec)
    grey = tf.equal(kind, 0)
    cases = [
        (grey & tf.equal(depth, 16), lambda: _deep_png(encoded, spec)),
        # With less than 8 bits per pixel, TensorFlow fills an alpha channel that the file lacks with a wrong value.
        # It is not asked for one here: with 0 channels, a palette gives four only if some colours are transparent.
        (grey & tf.less(depth, 8), lambda: tf.cast(tf.io.decode_png(encoded, channels=3), dtype)),
        (tf.equal(kind, 3), lambda: tf.cast(tf.io.decode_png(encoded, channels=0), dtype)),
    ]
    channels = 4 if spec.color == "rgba" else 3
    return tf.case(cases, default=lambda: tf.cast(tf.io.decode_png(encoded, channels=channels), dtype))


def _deep_png(encoded: Tensor, spec: ImageSpec) -> Tensor:
    pixels = tf.io.decode_png(encoded, channels=1, dtype=tf.uint16)
    if _keeps_depth(spec):
        return pixels
    return tf.cast(tf.minimum(tf.cast(pixels, tf.int32), 255), tf.uint8)


def _any(encoded: Tensor, channels: int) -> Tensor:
    """Decodes the first frame. Old runtimes know this operation too, even if they read fewer formats with it."""
    pixels = tf.io.decode_image(encoded, channels=channels, expand_animations=False)
    return tf.ensure_shape(pixels, (None, None, channels or None))


def _webp(encoded: Tensor) -> Tensor:
    """Decodes a WebP. The operation must be called with the channels of the file; an animation has four."""
    animated = _has(encoded, b"VP8X", 12) & tf.not_equal(_byte(encoded, 20) & 2, 0)
    return tf.cond(animated, lambda: _any(encoded, 4), lambda: _any(encoded, 0))


def _bmp(encoded: Tensor) -> Tensor:
    """Decodes a BMP. TensorFlow reads palette indices as grey, so the palette is applied here.

    A file with 32 bits per pixel has an alpha channel only if it declares masks.
    """
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
    """Replaces indices by the colours of the palette, which follows the header and has four bytes per colour."""
    start, end = 14 + _little(encoded, 14, 4), _little(encoded, 10, 4)
    blue_first = tf.reshape(tf.io.decode_raw(encoded, tf.uint8)[start:end], (-1, 4))
    return tf.gather(blue_first[:, 2::-1], tf.cast(indices[..., 0], tf.int32))


def _byte(encoded: Tensor, position: int) -> Tensor:
    return _little(encoded, position, 1)


def _little(encoded: Tensor, position: int, length: int) -> Tensor:
    """Reads an unsigned little-endian number as int32. The file must be long enough."""
    parts = tf.cast(tf.io.decode_raw(tf.strings.substr(encoded, position, length), tf.uint8), tf.int32)
    return tf.reduce_sum(parts * tf.constant([256**place for place in range(length)], tf.int32))


def _colored(pixels: Tensor, spec: ImageSpec) -> Tensor:
    """Converts pixels with 1, 3 or 4 channels, which are known only when the graph runs, to the spec's colour."""
    channels = tf.shape(pixels)[-1]
    if spec.color == "grayscale":
        return tf.cond(tf.equal(channels, 1), lambda: pixels[..., :1], lambda: _luma(pixels))
    three = tf.cond(tf.equal(channels, 1), lambda: tf.tile(pixels[..., :1], (1, 1, 3)), lambda: pixels[..., :3])
    if spec.color == "rgb":
        return three
    opaque = tf.fill(tf.concat([tf.shape(pixels)[:2], [1]], axis=0), tf.constant(255, pixels.dtype))
    alpha = tf.cond(tf.equal(channels, 4), lambda: pixels[..., 3:], lambda: opaque)
    return tf.concat([three, alpha], axis=-1)


def _luma(pixels: Tensor) -> Tensor:
    weighted = tf.reduce_sum(tf.cast(pixels[..., :3], tf.int32) * tf.constant(_LUMA), axis=-1, keepdims=True)
    return tf.cast(tf.bitwise.right_shift(weighted + 0x8000, 16), pixels.dtype)
