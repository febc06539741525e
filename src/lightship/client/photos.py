"""Encodes photos, in all forms that users may give, as the bytes to send."""

from __future__ import annotations

import io
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lightship.errors import InvalidArgument, LightshipError
from lightship.files import read_bytes
from lightship.images.formats import image_format
from lightship.images.opening import decoder_errors, open_image

Photo = str | os.PathLike[str] | bytes | bytearray | memoryview | Image.Image | NDArray[Any]

# The modes of Pillow that PNG stores with at least 8 bits. With fewer, TensorFlow would give an image a wrong alpha.
_PNG_MODES = frozenset({"L", "LA", "RGB", "RGBA", "I;16"})
# Other modes, and those that keep their grey or alpha. Images of the remaining modes are converted to RGB.
_KEPT_AS = {"1": "L", "La": "LA", "PA": "RGBA", "RGBa": "RGBA"}
_MAX_GREY = 65535  # of a grey PNG of 16 bits
# The formats that the graph of an exported model decodes on every TensorFlow. A GIF must stay one: in the family
# "tensorflow", only its transparent pixels are black.
_DECODED_IN_GRAPHS = ("image/jpeg", "image/png", "image/gif")


def image_type(data: bytes) -> str:
    """The media type by the first bytes, as in the server. Raises InvalidArgument for other data."""
    name = image_format(data)
    if name is not None:
        return f"image/{name.lower()}"
    start = f"it begins with {data[:8]!r}" if data else "it is empty"
    raise InvalidArgument(f"the image is not JPEG, PNG, BMP, GIF or WebP: {start}; convert it to one of these")


def encoded(photo: Photo) -> bytes:
    """The unchanged bytes of an image file, or a PIL image or an array as PNG, which is lossless.

    An array has whole numbers 0..255 of any dtype and the shape [H, W, 3], [H, W, 4], [H, W, 1] or [H, W]. Raises
    NotFound, PermissionDenied, and InvalidArgument for what is not an image or cannot be decoded.
    """
    if isinstance(photo, (bytes, bytearray, memoryview)):
        data = bytes(photo)
        image_type(data)
        return data
    if isinstance(photo, (str, os.PathLike)):
        return _read(os.fspath(photo))
    if isinstance(photo, Image.Image):
        return as_png(photo)
    if isinstance(photo, np.ndarray):
        return as_png(_image_of(photo))
    raise InvalidArgument(
        f"the photo has type {type(photo).__name__}; give a path, bytes, a PIL image or a numpy array"
    )


def for_graph(data: bytes) -> bytes:
    """An image that TensorFlow can decode. Of BMP and WebP, which it may not read, the first frame becomes PNG.

    Raises InvalidArgument if such an image is truncated or broken.
    """
    return data if image_type(data) in _DECODED_IN_GRAPHS else as_png(open_image(data))


def as_png(image: Image.Image) -> bytes:
    """Encodes an image as PNG, with the fastest compression.

    Raises InvalidArgument if it is truncated or broken, has no pixels, or has pixels that are not whole numbers.
    """
    if not image.width or not image.height:
        raise InvalidArgument(f"the image is {image.width} x {image.height} pixels: give at least one pixel")
    buffer = io.BytesIO()
    with decoder_errors(image.format, None):
        image.load()
        _for_png(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _for_png(image: Image.Image) -> Image.Image:
    """The image in one of `_PNG_MODES`, with its alpha and its depth."""
    if image.mode == "F":
        return Image.fromarray(_whole_pixels(np.asarray(image)))
    if image.mode in _PNG_MODES:
        return image
    if image.mode.startswith("I"):  # grey of 16 bits in another order of bytes, or whole numbers of 32 bits
        grey = np.asarray(image).clip(0, _MAX_GREY)
        return Image.fromarray(grey.astype(np.uint8 if image.mode == "I" and grey.max() <= 255 else np.uint16))
    transparent = "transparency" in image.info
    return image.convert("RGBA" if transparent else _KEPT_AS.get(image.mode, "RGB"))


def _read(path: str) -> bytes:
    if "://" in path and not os.path.exists(path):
        raise InvalidArgument(f"{path} is an address, not a file: download the photo first, and give its path or bytes")
    data = read_bytes(path)
    try:
        image_type(data)
    except LightshipError as error:
        raise InvalidArgument(f"{path}: {error.message}") from error
    return data


def _image_of(array: NDArray[Any]) -> Image.Image:
    flat = array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array
    if flat.ndim != 2 and not (flat.ndim == 3 and flat.shape[-1] in (3, 4)):
        raise InvalidArgument(
            f"an array of shape {array.shape} is not one image: give [height, width, channels] with 1, 3 or 4 "
            "channels, or [height, width]"
        )
    if not flat.size:
        raise InvalidArgument(f"an array of shape {array.shape} has no pixels: give at least one")
    return Image.fromarray(np.ascontiguousarray(_whole_pixels(flat)))


def _whole_pixels(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    with np.errstate(invalid="ignore"):  # NaN is refused below
        whole = array.astype(np.uint8) if array.dtype.kind in "iuf" else None
    if whole is None or not np.array_equal(whole, array):
        raise InvalidArgument(
            f"the image has dtype {array.dtype} and values that are not whole numbers from 0 to 255, so it cannot be "
            "sent as an image: undo the scaling of the pixels and round them to uint8, or send the preprocessed tensor "
            "with predict()"
        )
    return whole
