"""The weights with which Pillow resizes one axis of an image, as whole numbers.

They are not computed here but asked of Pillow itself: it resizes rows in which few pixels are not zero, in its mode of
32-bit integers, whose results are the weights times these pixels. So they are Pillow's on every machine and in every
version.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Ints = NDArray[np.int32]

# Pillow rounds its weights for pixels of 8 bits to so many fractional bits.
WEIGHT_BITS = 22
ONE = 1 << WEIGHT_BITS

# How many pixels of a side are asked for at most, and at a time: 4 bytes each.
MAX_PROBED = 1 << 22
_PROBED_AT_ONCE = 1 << 17

# How far a method reaches to either side of a pixel, in pixels of the smaller image.
_REACH = {"box": 0.5, "bilinear": 1.0, "hamming": 1.0, "bicubic": 2.0, "lanczos": 3.0}


class Weights(NamedTuple):
    """Output pixel `o` is the sum of `weights[o, t]` times input pixel `first[o] + t`, divided by 2^22 and rounded.

    first: int32 [out]. weights: int32 [out, taps], with zeros at the end of a row.
    """

    first: Ints
    weights: Ints


@lru_cache(maxsize=32)
def pillow_weights(method: str, size: int, out: int, low: int, high: int) -> Weights | None:
    """Returns the weights of `Image.resize` for one axis, from `size` pixels to `out` pixels.

    method: one of those of the family "pillow". low, high: the first pixel that is seen, and the one behind the last.
    Returns None if it would take long to find them out.
    """
    if method == "nearest":
        return _nearest(size, out, low, high)
    scale = (high - low) / out
    reach = _REACH[method] * max(1.0, scale)
    # Every output pixel sees fewer pixels than this, so that one of each `period` pixels can be asked for at once.
    period = min(size, math.ceil(2 * reach) + 4)
    if period * size > MAX_PROBED:
        return None
    centres = low + (np.arange(out) + 0.5) * scale
    first = (np.floor(centres - reach).astype(np.int64) - 1).clip(0, size - period)
    probed = _probed(method, size, out, low, high, period)
    weights = probed[(first[:, np.newaxis] + np.arange(period)) % period, np.arange(out)[:, np.newaxis]]
    return _trimmed(first, weights)


def columns_first(width: int, height: int, out_width: int, out_height: int) -> bool:
    """Returns whether Pillow goes down the columns of an image before it goes along its rows.

    The order makes a difference, because it rounds in between. This is the rule of Pillow 13.
    """
    return height > out_height and height - out_height > 2 * (width - out_width)


def _nearest(size: int, out: int, low: int, high: int) -> Weights:
    index = _resized(np.arange(size, dtype=np.int32)[np.newaxis], "nearest", out, low, high)[0]
    return Weights(_frozen(index), _frozen(np.full((out, 1), ONE, np.int32)))


def _probed(method: str, size: int, out: int, low: int, high: int, period: int) -> Ints:
    """Returns, for each remainder of a pixel's number divided by `period`, the sum of the weights of these pixels.

    The result is int32 [period, out].
    """
    result = np.empty((period, out), np.int32)
    count = max(1, _PROBED_AT_ONCE // size)
    for start in range(0, period, count):
        rows = np.zeros((min(count, period - start), size), np.int32)
        for row, pixels in enumerate(rows, start):
            pixels[row::period] = ONE
        result[start : start + count] = _resized(rows, method, out, low, high)
    return result


def _resized(rows: Ints, method: str, out: int, low: int, high: int) -> Ints:
    image = Image.fromarray(rows)
    assert image.mode == "I"
    height = len(rows)
    return np.asarray(image.resize((out, height), Image.Resampling[method.upper()], box=(low, 0, high, height)))


def _trimmed(first: NDArray[np.int64], weights: Ints) -> Weights:
    """Leaves out the zeros at the beginning of each row, and those that all rows have at the end."""
    zeros = (weights != 0).argmax(axis=1)
    columns = np.minimum(zeros[:, np.newaxis] + np.arange(weights.shape[1]), weights.shape[1] - 1)
    moved = np.take_along_axis(weights, columns, axis=1)
    moved[zeros[:, np.newaxis] + np.arange(weights.shape[1]) >= weights.shape[1]] = 0
    taps = int((moved != 0).any(axis=0).nonzero()[0][-1]) + 1
    return Weights(_frozen((first + zeros).astype(np.int32)), _frozen(np.ascontiguousarray(moved[:, :taps])))


def _frozen(array: Ints) -> Ints:
    array = np.ascontiguousarray(array)
    array.flags.writeable = False  # all callers share it
    return array
