"""Encodes photos, in all forms that users may give, as the bytes to send."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lightship.errors import InvalidArgument, LightshipError
from lightship.files import read_bytes
from lightship.images.formats import image_format
from lightship.images.opening import open_image

Photo = str | os.PathLike[str] | bytes | bytearray | memoryview | Image.Image | NDArray[Any]

# The modes of Pillow that PNG can store; images of other modes are converted to RGB.
_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})


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
    NotFound, PermissionDenied, InvalidArgument.
    """
    if isinstance(photo, (bytes, bytearray, memoryview)):
        data = bytes(photo)
        image_type(data)
        return data
    if isinstance(photo, (str, os.PathLike)):
        return _read(Path(photo))
    if isinstance(photo, Image.Image):
        return as_png(photo)
    if isinstance(photo, np.ndarray):
        return as_png(_image_of(photo))
    raise InvalidArgument(
        f"the photo has type {type(photo).__name__}; give a path, bytes, a PIL image or a numpy array"
    )


def as_jpeg_or_png(data: bytes) -> bytes:
    """An image that TensorFlow can decode. Of other formats, such as WebP, the first frame becomes PNG."""
    return data if image_type(data) in ("image/jpeg", "image/png") else as_png(open_image(data))


def as_png(image: Image.Image) -> bytes:
    """Encodes an image as PNG, with the fastest compression."""
    kept = image if image.mode in _PNG_MODES else image.convert("RGB")
    buffer = io.BytesIO()
    kept.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _read(path: Path) -> bytes:
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
