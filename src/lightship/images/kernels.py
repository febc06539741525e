"""Computes for `tf.image.resize` which input pixels make an output pixel and with which weights, one axis at a time.

The formulas are those of TensorFlow's operations (ResizeBilinear, ResizeNearestNeighbor and ResizeBicubic with half
pixel centres, ResizeArea, ScaleAndTranslate). They use float32 where the operations do, so that fractions round alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]

# Taps are cached because photos of one camera have the same size. Larger sizes are rare, and their weights take much
# memory.
_MAX_CACHED_SIZE = 8192

# ResizeBicubic looks up its weights in a table with this many steps between two pixels.
_BICUBIC_STEPS = 1024


@dataclass(frozen=True, slots=True)
class Taps:
    """`index[o, t]` is the t-th input pixel of output pixel o, and `weight[o, t]` its weight; both are [out, taps]."""

    index: Ints
    weight: Floats


@dataclass(frozen=True, slots=True)
class _Kernel:
    radius: float
    value: Callable[[Floats], Floats]


def taps(method: str, antialias: bool, size: int, out: int) -> Taps:
    """Returns the taps of `tf.image.resize(method=, antialias=)` from `size` pixels to `out` pixels."""
    make = _cached_taps if size <= _MAX_CACHED_SIZE else _make_taps
    return make(method, antialias, size, out)


def _make_taps(method: str, antialias: bool, size: int, out: int) -> Taps:
    if method == "nearest":
        return _nearest(size, out)
    if method == "area":
        return _area(size, out)
    if method in _PLAIN and not antialias:
        return _PLAIN[method](size, out)
    return _scaled(_KERNELS[method], antialias, size, out)


_cached_taps = lru_cache(maxsize=32)(_make_taps)


def _centres(size: int, out: int) -> Floats:
    """Returns the centres of the output pixels, in input pixels counted from the centre of the first one."""
    scale = np.float32(size) / np.float32(out)
    return (np.arange(out, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)


def _nearest(size: int, out: int) -> Taps:
    scale = np.float32(size) / np.float32(out)
    index = np.floor((np.arange(out, dtype=np.float32) + np.float32(0.5)) * scale).astype(np.intp)
    return Taps(np.minimum(index, size - 1)[:, np.newaxis], np.ones((out, 1), np.float32))


def _bilinear(size: int, out: int) -> Taps:
    centres = _centres(size, out)
    floor = np.floor(centres)
    index = np.stack([np.maximum(floor, 0), np.minimum(np.ceil(centres), size - 1)], axis=1).astype(np.intp)
    fraction = centres - floor
    return Taps(index, np.stack([1 - fraction, fraction], axis=1))


def _bicubic(size: int, out: int) -> Taps:
    centres = _centres(size, out)
    floor = np.floor(centres)
    step = np.rint((centres - floor) * np.float32(_BICUBIC_STEPS)) / np.float32(_BICUBIC_STEPS)
    offsets = np.arange(-1, 3, dtype=np.float32)
    index = (floor[:, np.newaxis] + offsets).astype(np.intp)
    weight = _keys_cubic(np.abs(offsets - step[:, np.newaxis]))
    weight[(index < 0) | (index >= size)] = 0
    weight *= np.float32(1) / weight.sum(axis=1, keepdims=True, dtype=np.float32)
    return Taps(index.clip(0, size - 1), weight)


def _area(size: int, out: int) -> Taps:
    """Weights each input pixel by the part of it that the output pixel covers."""
    scale = np.float32(size) / np.float32(out)
    start = np.arange(out, dtype=np.float32) * scale
    end = np.arange(1, out + 1, dtype=np.float32) * scale
    first = np.floor(start).astype(np.intp)
    index = first[:, np.newaxis] + np.arange(int((np.ceil(end) - first).max()))
    start, end, pixel = start[:, np.newaxis], end[:, np.newaxis], index.astype(np.float32)
    covered = np.maximum(np.minimum(pixel + 1, end) - np.maximum(pixel, start), np.float32(0))
    covered[(pixel < start) & (pixel + 1 > end)] = scale  # what end - start would be, were it not rounded
    return Taps(index.clip(0, size - 1), covered / scale)


def _scaled(kernel: _Kernel, antialias: bool, size: int, out: int) -> Taps:
    """Computes the spans of ScaleAndTranslate. With `antialias` the kernel is wider when the image shrinks."""
    inverse = np.float32(1) / (np.float32(out) / np.float32(size))
    stretch = max(inverse, np.float32(1)) if antialias else np.float32(1)
    centres = (np.arange(out, dtype=np.float32) + np.float32(0.5)) * inverse
    reach = np.float32(kernel.radius) * stretch
    first = np.ceil(centres - reach - np.float32(0.5)).astype(np.intp).clip(0, size - 1)
    last = np.floor(centres + reach - np.float32(0.5)).astype(np.intp).clip(0, size - 1)
    index = first[:, np.newaxis] + np.arange(int((last - first).max()) + 1)
    distance = index.astype(np.float32) + np.float32(0.5) - centres[:, np.newaxis]
    weight = kernel.value(np.abs(distance * (np.float32(1) / stretch)))
    weight[index > last[:, np.newaxis]] = 0
    weight *= np.float32(1) / weight.sum(axis=1, keepdims=True, dtype=np.float32)
    return Taps(index.clip(0, size - 1), weight)


def _triangle(x: Floats) -> Floats:
    return np.maximum(np.float32(0), 1 - x)


def _keys_cubic(x: Floats) -> Floats:
    """Keys' cubic convolution with a = -0.5."""
    near = ((np.float32(1.5) * x - np.float32(2.5)) * x) * x + 1
    far = ((np.float32(-0.5) * x + np.float32(2.5)) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, np.float32(0)))


def _mitchell_cubic(x: Floats) -> Floats:
    """Mitchell and Netravali's cubic with B = C = 1/3."""
    near = ((np.float32(7 / 6) * x - 2) * x) * x + np.float32(16 / 18)
    far = ((np.float32(-7 / 18) * x + 2) * x - np.float32(10 / 3)) * x + np.float32(16 / 9)
    return np.where(x < 1, near, np.where(x < 2, far, np.float32(0)))


def _gaussian(x: Floats) -> Floats:
    """A Gaussian with a standard deviation of half a pixel, cut off at three standard deviations."""
    return np.where(x < 1.5, np.exp(np.float32(-2) * x * x), np.float32(0))


def _lanczos(radius: int) -> Callable[[Floats], Floats]:
    def value(x: Floats) -> Floats:
        return np.where(x <= radius, np.sinc(x) * np.sinc(x / np.float32(radius)), 0).astype(np.float32)

    return value


_PLAIN: dict[str, Callable[[int, int], Taps]] = {"bilinear": _bilinear, "bicubic": _bicubic}
_KERNELS: dict[str, _Kernel] = {
    "bilinear": _Kernel(1, _triangle),
    "bicubic": _Kernel(2, _keys_cubic),
    "mitchellcubic": _Kernel(2, _mitchell_cubic),
    "gaussian": _Kernel(1.5, _gaussian),
    "lanczos3": _Kernel(3, _lanczos(3)),
    "lanczos5": _Kernel(5, _lanczos(5)),
}
