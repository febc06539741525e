"""Turns an image into the array that the model takes, as training did. Both the server and the client use this."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lightship.errors import InvalidArgument
from lightship.images.decode import convert_as_pillow, convert_as_tensorflow, load
from lightship.images.decoding_memory import ImageHeader, decoding_memory
from lightship.images.native_resize import resize_image, resize_jpeg
from lightship.images.opening import MAX_PIXELS, open_image
from lightship.images.resize import crop_or_pad_pixels, resize_as_pillow, resize_as_tensorflow
from lightship.images.spec import ImageSpec
from lightship.memory_budget import NOT_COUNTED, Growing

ImageLike = bytes | bytearray | memoryview | Image.Image | NDArray[Any]


def prepare(
    image: ImageLike, spec: ImageSpec, *, max_pixels: int = MAX_PIXELS, memory: Growing = NOT_COUNTED
) -> NDArray[np.float32]:
    """Returns the model's input for one image: float32 [height, width, channels], C-contiguous.

    image: encoded bytes (JPEG, PNG, BMP, GIF, WebP), a PIL image, or an array of pixels 0..255, [H, W, C] or [H, W],
        uint8 or float. Fractions of pixels can be resized in the family "tensorflow" only, because Pillow resizes
        whole numbers only; the fit "crop_or_pad" takes them in both. An array that already has the right size is not
        resized.

    The family "pillow" gives the pixels of `keras.utils.load_img` bit for bit. The family "tensorflow" gives those of
    `tf.image.resize` within the differences that docs/guides/images.md lists. The input is not modified.
    What encoded bytes take at the peak is counted in `memory` before they are decoded.
    Raises InvalidArgument for an image that cannot be used, TooLarge for one with too many pixels, and the errors of
    `Reservation.grow`.
    """
    height, width = spec.size
    if isinstance(image, np.ndarray):
        pixels = _from_array(image, spec)
    elif isinstance(image, Image.Image):
        pixels = _from_image(load(image), spec)
    else:
        return _from_bytes(_as_bytes(image), spec, max_pixels, memory)
    assert pixels.shape == (height, width, spec.channels)
    return spec.preprocessing.apply(pixels)


def _from_bytes(data: bytes, spec: ImageSpec, max_pixels: int, memory: Growing) -> NDArray[np.float32]:
    reserved = 0

    def reserve(header: ImageHeader) -> None:
        nonlocal reserved
        reserved = decoding_memory(header, spec)
        memory.grow(reserved)

    try:
        image = open_image(data, max_pixels=max_pixels, before_pixels=reserve)
        pixels = resize_jpeg(data, image, spec)
        return spec.preprocessing.apply(_from_image(image, spec) if pixels is None else pixels)
    finally:
        memory.shrink(reserved)


def _from_image(image: Image.Image, spec: ImageSpec) -> NDArray[Any]:
    if spec.family == "tensorflow":
        return resize_as_tensorflow(convert_as_tensorflow(image, spec.color), spec)
    converted = convert_as_pillow(image, spec.color)
    resized = resize_image(converted, spec)
    pixels = np.asarray(resize_as_pillow(converted, spec)) if resized is None else resized
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def _from_array(array: NDArray[Any], spec: ImageSpec) -> NDArray[Any]:
    pixels = _checked_pixels(array)
    if pixels.shape == (*spec.size, spec.channels) and spec.family == "pillow":
        return pixels
    if spec.fit == "crop_or_pad" and pixels.shape[-1] == spec.channels:
        return crop_or_pad_pixels(pixels, spec.size)
    if pixels.dtype == np.uint8:
        flat = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
        return _from_image(Image.fromarray(np.ascontiguousarray(flat)), spec)
    if spec.family == "tensorflow" and pixels.shape[-1] == spec.channels:
        return resize_as_tensorflow(pixels, spec)
    whole = pixels.astype(np.uint8)
    if not np.array_equal(whole, pixels):
        raise InvalidArgument(
            f"pixels of {array.dtype} and shape {array.shape} must become {spec.color} of {spec.size}, but Pillow "
            "changes whole numbers only: round them to uint8, or send an image of that colour and size"
        )
    return _from_array(whole, spec)


def _checked_pixels(array: NDArray[Any]) -> NDArray[Any]:
    pixels = array[..., np.newaxis] if array.ndim == 2 else array
    if pixels.ndim != 3 or pixels.shape[-1] not in (1, 3, 4) or not pixels.size:
        raise InvalidArgument(
            f"an array of shape {array.shape} is not an image: give one image at a time, [height, width, channels] "
            "with 1, 3 or 4 channels, or [height, width]"
        )
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.kind not in "iuf":
        raise InvalidArgument(f"pixels of dtype {array.dtype} are not numbers: give uint8 or float, 0..255")
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0 and high <= 255):
        raise InvalidArgument(
            f"pixels must be 0..255, but this array has {low:g}..{high:g}: undo its scaling before sending it"
        )
    return pixels.astype(np.float32, copy=False)


def _as_bytes(image: object) -> bytes:
    if isinstance(image, bytes):
        return image
    if isinstance(image, (bytearray, memoryview)):
        return bytes(image)
    raise InvalidArgument(
        f"an image must be bytes, a PIL image or a numpy array, not {type(image).__name__}: read the bytes of a file "
        "before calling"
    )
