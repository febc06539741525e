"""Decodes JPEG, PNG, BMP, GIF and WebP images to pixels; of an animation the first frame.

The bytes are not trusted: the size is read from the header and checked before anything is decoded, only these five
decoders are used, and any error in them becomes an InvalidArgument. EXIF rotation is ignored, as Keras and TensorFlow
ignore it in training.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from lightship.errors import InvalidArgument, TooLarge
from lightship.images.formats import PNG_SIGNATURE, image_format

# 8,000 x 8,000 pixels: more than most cameras produce, and about 200 MB when decoded.
MAX_PIXELS = 64_000_000
# The limit of JPEG. With a line of millions of pixels, the weights of a resize would be as large as the photo.
MAX_IMAGE_SIDE = 65_535

_PILLOW_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}

# Pillow's modes with one channel of more than 8 bits, which a grey PNG of 16 bits has.
_DEEP = ("I", "I;16", "I;16B")


class _Jpeg(JpegImageFile):
    """Does not read the resolution from EXIF: Pillow would warn on standard error about unusual cameras."""

    def _read_dpi_from_exif(self) -> None:
        return


def open_image(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Reads the header of an image and checks its size. `convert_as_pillow` and others decode the pixels later.

    Raises InvalidArgument if the bytes have none of the five formats or the header is broken, and TooLarge if the image
    has more than `max_pixels` pixels.
    """
    if not data:
        raise InvalidArgument("the image is empty (0 bytes): send a JPEG, PNG, BMP, GIF or WebP file")
    name = _checked_format(data)
    with _decoder_errors(name, len(data)):
        image = _OPENERS[name](data, max_pixels)
    _check_size(*image.size, max_pixels)
    return image


def load(image: Image.Image) -> Image.Image:
    """Decodes the pixels of an image. Raises InvalidArgument if it is truncated or broken."""
    with _decoder_errors(image.format, None):
        image.load()
    return image


def convert_as_pillow(image: Image.Image, color: str) -> Image.Image:
    """Converts an image as `keras.utils.load_img(color_mode=color)` does; a grey image of 16 bits keeps them, as there.

    Raises InvalidArgument if the image is truncated or broken.
    """
    with _decoder_errors(image.format, None):
        if color == "grayscale" and image.mode in _DEEP:
            image.load()
            return image
        return _convert(image, _PILLOW_MODES[color])


def convert_as_tensorflow(image: Image.Image, color: str) -> NDArray[np.uint8]:
    """Returns the pixels of `tf.io.decode_image(channels=...)`, uint8 [H, W, C]; docs/images.md lists the differences.

    Raises InvalidArgument if the image is truncated or broken.
    """
    with _decoder_errors(image.format, None):
        if color == "grayscale":
            pixels = _grayscale_as_tensorflow(image)[..., np.newaxis]
        elif image.mode in _DEEP:
            pixels = np.asarray(Image.fromarray(_high_byte(image)).convert(_PILLOW_MODES[color]))
        else:
            pixels = np.asarray(_convert(image, _PILLOW_MODES[color]))
        return _blackened(pixels, image) if image.format == "GIF" else pixels


def decode_image(data: bytes, color: str, *, max_pixels: int = MAX_PIXELS) -> NDArray[Any]:
    """Returns the pixels of `keras.utils.load_img(color_mode=color)`, before any resizing.

    color: "rgb", "grayscale" or "rgba". Returns uint8 [H, W, C] (uint16 or int32 for a grey PNG of 16 bits in
    "grayscale"). Raises InvalidArgument if the bytes are not an image or are truncated, and TooLarge, without decoding
    them, if the image has more than `max_pixels` pixels.
    """
    pixels = np.asarray(convert_as_pillow(open_image(data, max_pixels=max_pixels), color))
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def _convert(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == mode:
        image.load()
        return image
    if mode != "RGBA" and "transparency" in image.info:
        # Transparency does not change these colours, but Pillow warns if a palette has several transparent entries.
        image = image.copy()
        del image.info["transparency"]
    return image.convert(mode)


def _grayscale_as_tensorflow(image: Image.Image) -> NDArray[np.uint8]:
    if image.format == "JPEG" and image.mode == "RGB":
        image.draft("L", None)  # TensorFlow too lets libjpeg compute the luma, at full size
    if image.mode in _DEEP:
        return _high_byte(image)
    if image.format == "PNG" and image.mode not in ("1", "L", "LA"):
        return _luma_as_libpng(np.asarray(_convert(image, "RGB")))
    return np.asarray(_convert(image, "L"))


def _blackened(pixels: NDArray[np.uint8], image: Image.Image) -> NDArray[np.uint8]:
    """Makes a GIF's transparent pixels black and opaque, as TensorFlow does; Pillow gives them the palette's colour."""
    transparent = image.info.get("transparency")
    if image.mode != "P" or transparent is None:
        return pixels
    hidden = (np.asarray(image) == transparent)[..., np.newaxis]
    return np.where(hidden, np.array([0, 0, 0, 255][: pixels.shape[-1]], np.uint8), pixels)


def _high_byte(image: Image.Image) -> NDArray[np.uint8]:
    return (np.asarray(image) >> 8).astype(np.uint8)


def _luma_as_libpng(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Computes grey as libpng does for TensorFlow: with weights of 15 bits, found by comparison, and truncated."""
    weighted = rgb.astype(np.uint32) @ np.array([9797, 19234, 3737], np.uint32)
    return (weighted >> 15).astype(np.uint8)


def _open_webp(data: bytes, max_pixels: int) -> ImageFile:
    """Checks the size first, because Pillow's WebP decoder allocates the whole canvas when it opens a file."""
    kind, bits = data[12:16], int.from_bytes(data[21:30], "little")
    if kind == b"VP8X":
        _check_size((bits >> 24 & 0xFFFFFF) + 1, (bits >> 48 & 0xFFFFFF) + 1, max_pixels)
    elif kind == b"VP8L":
        _check_size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, max_pixels)
    elif kind == b"VP8 ":
        _check_size(bits >> 40 & 0x3FFF, bits >> 56 & 0x3FFF, max_pixels)
    return WebPImageFile(BytesIO(data))


def _open_gif(data: bytes, max_pixels: int) -> ImageFile:
    """Checks the first frame too: it may be larger than the canvas, and Pillow would enlarge the canvas for it."""
    position = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    while data[position] == 0x21:  # an extension: a label, then blocks that begin with their length, the last with 0
        position += 2
        while data[position]:
            position += 1 + data[position]
        position += 1
    left, top, width, height = struct.unpack_from("<4H", data, position + 1)
    canvas_width, canvas_height = struct.unpack_from("<2H", data, 6)
    _check_size(max(canvas_width, left + width), max(canvas_height, top + height), max_pixels)
    return GifImageFile(BytesIO(data))


def _open_png(data: bytes, max_pixels: int) -> ImageFile:
    """Passes only the chunks of the pixels on, so that Pillow reads no compressed text, profiles or animations."""
    parts, position = [PNG_SIGNATURE], 8
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            parts.append(data[position:end])
        position = end
    return PngImageFile(BytesIO(b"".join(parts)))


_OPENERS: dict[str, Callable[[bytes, int], ImageFile]] = {
    "JPEG": lambda data, _: _Jpeg(BytesIO(data)),
    "PNG": _open_png,
    "GIF": _open_gif,
    "WebP": _open_webp,
    "BMP": lambda data, _: BmpImageFile(BytesIO(data)),
}


def _checked_format(data: bytes) -> str:
    name = image_format(data)
    if name is None:
        raise InvalidArgument(
            f"these {len(data)} bytes, starting with {bytes(data[:8])!r}, are not an image of a known kind: "
            "send JPEG, PNG, BMP, GIF or WebP"
        )
    return name


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise InvalidArgument(f"the image is {width} x {height} pixels: send an image with at least one pixel")
    if width * height > max_pixels:
        raise TooLarge(
            f"the image is {width} x {height} = {width * height} pixels; at most {max_pixels} are allowed: "
            "send a smaller image, or raise the limit"
        )
    if max(width, height) > MAX_IMAGE_SIDE:
        raise TooLarge(
            f"the image is {width} x {height} pixels; a side may have at most {MAX_IMAGE_SIDE}: send a smaller image"
        )


@contextmanager
def _decoder_errors(name: str | None, size: int | None) -> Iterator[None]:
    """Turns every error of a decoder into InvalidArgument: hostile bytes can make it raise almost any exception."""
    try:
        yield
    except (InvalidArgument, TooLarge):
        raise
    except Exception as fault:
        length = "" if size is None else f" of {size} bytes"
        raise InvalidArgument(
            f"the {name or 'image'} image{length} cannot be decoded: {str(fault).strip() or type(fault).__name__}; "
            "it is truncated or broken; send the complete file"
        ) from fault
