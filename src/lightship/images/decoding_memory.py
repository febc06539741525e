"""The memory that decoding and resizing an image takes at its peak, known from its header.

The numbers of bytes were measured with Pillow 13 for each format, colour and family.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from lightship.images.spec import ImageSpec

_LEAST = 256 << 10  # bytes for the decoder itself
_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}  # of a pixel in Pillow's memory; 4 in all other modes
_BANDS = {"L": 1, "CMYK": 4}  # colours of a JPEG; 3 in all other modes
_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_COEFFICIENT = 2  # bytes of a value of a JPEG with several scans, while it is decoded
_WEBP_DECODER = 12  # bytes of a pixel that the decoder of WebP keeps: two canvases and the frame
_LUMA = 24  # bytes of a pixel while numpy computes grey from colours
_MASK = 10  # bytes of a pixel while the transparent pixels of a GIF are blackened


class ImageHeader(NamedTuple):
    """What the header of an image says."""

    format: str
    # Pillow's mode.
    mode: str
    width: int
    height: int
    # Whether the pixels are drawn by several scans; JPEG only.
    scans: bool = False
    # Whether some colours of the palette are transparent.
    transparent: bool = False


def decoding_memory(header: ImageHeader, spec: ImageSpec) -> int:
    """Returns the most bytes that `prepare` takes for an image with this header, besides the encoded bytes."""
    pixels = header.width * header.height
    wanted = _MODES[spec.color]
    decoded = _MODE_BYTES.get(header.mode, 4)
    converted = 0 if header.mode == wanted else _MODE_BYTES.get(wanted, 4)
    if header.mode == "CMYK" and wanted == "L":
        converted += 4  # by way of RGB
    copied = decoded if header.transparent and wanted != "RGBA" else 0
    at_once = decoded + converted + copied + _family_bytes(header, spec)
    if header.format == "WebP":
        at_once += _WEBP_DECODER
    decoding = decoded + (_COEFFICIENT * _BANDS.get(header.mode, 3) if header.scans else 0)
    return _LEAST + max(at_once, decoding) * pixels + _resize_bytes(header, spec)


def _family_bytes(header: ImageHeader, spec: ImageSpec) -> int:
    """Returns the bytes of a pixel that a family takes besides Pillow's images."""
    if spec.family == "pillow":
        # Pillow resizes a copy with premultiplied alpha.
        return 4 if spec.color == "rgba" and spec.fit != "crop_or_pad" else 0
    if spec.color == "grayscale" and header.format == "PNG" and header.mode not in ("1", "L", "LA"):
        return _LUMA
    array = 2 * spec.channels  # numpy's array is joined from parts
    return array + _MASK if header.format == "GIF" and header.transparent else array


def _resize_bytes(header: ImageHeader, spec: ImageSpec) -> int:
    """Returns the bytes of the steps between the decoded image and the model's input."""
    (height, width), channels = spec.size, max(4, spec.channels)
    result = 16 * height * width * channels
    if spec.fit == "crop_or_pad":
        return result  # nothing is resized
    if spec.family == "pillow":
        return result + 2 * channels * header.height * min(width, header.width)
    rows = min(header.height, 2 * height)
    if spec.resize in ("nearest", "bilinear") and not spec.antialias:
        return result + channels * rows * (header.width + 10 * width)
    # The input rows of 16 output rows, with those that the widest kernel adds at either side.
    band = min(header.height, math.ceil(30 * max(1.0, header.height / height)))
    return result + channels * (9 * rows * header.width + 4 * band * header.width + 4 * height * header.width)
