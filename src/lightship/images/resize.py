"""Resizes images as Pillow or as TensorFlow does, the two families that training uses. Does not need TensorFlow.

The family "pillow" calls Pillow. The family "tensorflow" computes what TensorFlow's operations compute: every kernel is
separable, so one `Taps` per axis gives the input pixels of each output pixel and their weights. Its results are float32
and not rounded, except with "nearest", as in `tf.image.resize`.

The fit "crop_or_pad" resizes nothing, so both families give the same pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lightship.images.fit import crop_or_pad, pillow_crop, pillow_pad, tensorflow_crop, tensorflow_pad
from lightship.images.kernels import Taps, taps
from lightship.images.spec import ImageSpec

Floats = NDArray[np.float32]

# The number of output rows that one matrix product computes. Their input rows overlap, so the weights are dense.
_BLOCK = 16


def resize_as_pillow(image: Image.Image, spec: ImageSpec) -> Image.Image:
    """Resizes as `keras.utils.load_img(target_size=, interpolation=, keep_aspect_ratio=)`; "pad" as `PIL.ImageOps.pad`.

    "crop_or_pad" is what `crop_or_pad_pixels` does.

    Raises InvalidArgument if the image is so narrow that no pixel would remain.
    """
    height, width = spec.size
    if image.size == (width, height):
        return image
    method = Image.Resampling[spec.resize.upper()]
    if spec.fit == "crop":
        return image.resize((width, height), method, box=pillow_crop(*image.size, width, height))
    if spec.fit == "pad":
        return _pad_as_pillow(image, (width, height), method)
    if spec.fit == "crop_or_pad":
        return _crop_or_pad_image(image, (width, height))
    return image.resize((width, height), method)


def _pad_as_pillow(image: Image.Image, target: tuple[int, int], method: Image.Resampling) -> Image.Image:
    box = pillow_pad(*image.size, *target)
    fitted = image.resize((box.right - box.left, box.bottom - box.top), method)
    padded = Image.new(image.mode, target)
    padded.paste(fitted, (box.left, box.top))
    return padded


def _crop_or_pad_image(image: Image.Image, target: tuple[int, int]) -> Image.Image:
    seen, shown = crop_or_pad(*image.size, *target)
    result = Image.new(image.mode, target)
    result.paste(image.crop(seen), (shown.left, shown.top))
    return result


def crop_or_pad_pixels(pixels: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Cuts the middle out of pixels or puts zeros around them, as `tf.image.resize_with_crop_or_pad` does.

    pixels: [H, W, C]. Returns [height, width, C] of the same dtype, where `size` is (height, width).
    """
    height, width = size
    seen, shown = crop_or_pad(pixels.shape[1], pixels.shape[0], width, height)
    result = np.zeros((height, width, pixels.shape[2]), pixels.dtype)
    result[shown.top : shown.bottom, shown.left : shown.right] = pixels[seen.top : seen.bottom, seen.left : seen.right]
    return result


def resize_as_tensorflow(pixels: NDArray[Any], spec: ImageSpec) -> NDArray[Any]:
    """Resizes as `tf.image.resize(antialias=)`; "crop" as `smart_resize`, "pad" as `resize_with_pad`.

    "crop_or_pad" is `resize_with_crop_or_pad`. pixels: uint8 or float32 [H, W, C]. Returns float32 [height, width, C],
    not rounded; "nearest" and "crop_or_pad" keep the dtype.
    Raises InvalidArgument if the image is so narrow that no pixel would remain.
    """
    if spec.fit == "crop":
        pixels = _smart_crop(pixels, *spec.size)
    if spec.fit == "pad":
        return _pad_as_tensorflow(pixels, spec)
    if spec.fit == "crop_or_pad":
        return crop_or_pad_pixels(pixels, spec.size)
    return _resize(pixels, spec.size, spec)


def _smart_crop(pixels: NDArray[Any], target_height: int, target_width: int) -> NDArray[Any]:
    height, width = pixels.shape[:2]
    box = tensorflow_crop(width, height, target_width, target_height)
    return pixels[box.top : box.bottom, box.left : box.right]


def _pad_as_tensorflow(pixels: NDArray[Any], spec: ImageSpec) -> NDArray[Any]:
    height, width = pixels.shape[:2]
    target_height, target_width = spec.size
    box = tensorflow_pad(width, height, target_width, target_height)
    resized = _resize(pixels, (box.bottom - box.top, box.right - box.left), spec)
    padded = np.zeros((*spec.size, pixels.shape[2]), resized.dtype)
    padded[box.top : box.bottom, box.left : box.right] = resized
    return padded


def _resize(pixels: NDArray[Any], size: tuple[int, int], spec: ImageSpec) -> NDArray[Any]:
    rows = taps(spec.resize, spec.antialias, pixels.shape[0], size[0])
    columns = taps(spec.resize, spec.antialias, pixels.shape[1], size[1])
    if spec.resize == "nearest":
        return pixels[rows.index[:, 0]][:, columns.index[:, 0]]
    if spec.resize == "bilinear" and not spec.antialias:
        return _bilinear(pixels, rows, columns)
    if rows.index.shape[1] + columns.index.shape[1] <= 8:
        return _gathered(pixels, rows, columns)
    return _multiplied(pixels, rows, columns)


def _bilinear(pixels: NDArray[Any], rows: Taps, columns: Taps) -> Floats:
    """Interpolates along a row, then between two rows, each as low + (high - low) * fraction, in TensorFlow's order."""
    used, position = np.unique(rows.index, return_inverse=True)
    lines = pixels if len(used) == len(pixels) else pixels[used]
    low = lines.take(columns.index[:, 0], axis=1).astype(np.float32)
    high = lines.take(columns.index[:, 1], axis=1).astype(np.float32)
    high -= low
    high *= columns.weight[:, 1, np.newaxis]
    low += high
    position = position.reshape(rows.index.shape)
    upper, lower = low[position[:, 0]], low[position[:, 1]]
    lower -= upper
    lower *= rows.weight[:, 1, np.newaxis, np.newaxis]
    upper += lower
    return upper


def _gathered(pixels: NDArray[Any], rows: Taps, columns: Taps) -> Floats:
    """Resizes by weighted sums of few pixels: first down the columns, then along the rows.

    Adds one weighted pixel at a time, as TensorFlow's bicubic kernel does.
    """
    down = _sum_of_taps(pixels, rows, 0, (slice(None), np.newaxis, np.newaxis))
    return _sum_of_taps(down, columns, 1, (slice(None), np.newaxis))


def _sum_of_taps(pixels: NDArray[Any], axis_taps: Taps, axis: int, shape: tuple[Any, ...]) -> Floats:
    total: Floats | None = None
    for tap in range(axis_taps.index.shape[1]):
        term = pixels.take(axis_taps.index[:, tap], axis=axis).astype(np.float32, copy=False)
        term *= axis_taps.weight[:, tap][shape]
        total = term if total is None else np.add(total, term, out=total)
    assert total is not None
    return total


def _multiplied(pixels: NDArray[Any], rows: Taps, columns: Taps) -> Floats:
    """Resizes with matrix products, for kernels with many taps: one axis, transpose, the other axis, transpose back."""
    height, channels = len(rows.index), pixels.shape[2]
    down = _product(pixels, rows)
    across = _product(np.ascontiguousarray(down.transpose(1, 0, 2)), columns)
    return np.ascontiguousarray(across.reshape(-1, height, channels).transpose(1, 0, 2))


def _product(pixels: NDArray[Any], axis_taps: Taps) -> Floats:
    """Returns the weighted sums along the first axis, float32 [out, ...]. Converts only the rows that a block needs."""
    result = np.empty((len(axis_taps.index), *pixels.shape[1:]), np.float32)
    flat = result.reshape(len(result), -1)
    for start in range(0, len(result), _BLOCK):
        index, weight = axis_taps.index[start : start + _BLOCK], axis_taps.weight[start : start + _BLOCK]
        first, last = int(index.min()), int(index.max()) + 1
        dense = np.zeros((len(index), last - first), np.float32)
        for tap in range(index.shape[1]):  # taps beyond the edge have weight 0 and may repeat a pixel
            dense[np.arange(len(index)), index[:, tap] - first] += weight[:, tap]
        band = pixels[first:last].reshape(last - first, -1).astype(np.float32, copy=False)
        np.matmul(dense, band, out=flat[start : start + _BLOCK])
    return result
