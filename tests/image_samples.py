"""Encoded images of every kind that tests of several rooms use, made from a real photo."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_of(width: int, height: int, depth: int, kind: int, idat: bytes, *extra: bytes) -> bytes:
    """A PNG by hand, with a header that Pillow would not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    chunks = (png_chunk(b"IHDR", header), *extra, png_chunk(b"IDAT", idat), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def samples(photo: Image.Image) -> dict[str, bytes]:
    """By name; the part before the dash is the format. All show the photo, none is square, sizes are odd."""
    image = photo.convert("RGB").crop((40, 50, 331, 257))
    alpha = image.copy()
    alpha.putalpha(image.convert("L").rotate(180))
    palette = image.quantize(60)
    rotated = Image.Exif()
    rotated[0x0112] = 6
    return {
        "jpeg-color": encode(image, "JPEG", quality=90),
        "jpeg-progressive": encode(image, "JPEG", progressive=True, subsampling=0),
        "jpeg-grey": encode(image.convert("L"), "JPEG"),
        "jpeg-cmyk": encode(image.convert("CMYK"), "JPEG"),
        "jpeg-exif": encode(image, "JPEG", exif=rotated),
        "png-rgb": encode(image, "PNG"),
        "png-rgba": encode(alpha, "PNG"),
        "png-grey": encode(image.convert("L"), "PNG"),
        "png-greyalpha": encode(alpha.convert("LA"), "PNG"),
        "png-palette": encode(palette, "PNG"),
        "png-palettealphas": encode(palette, "PNG", transparency=bytes(range(0, 240, 4))),
        "png-1bit": encode(image.convert("1"), "PNG"),
        "png-grey16": encode(Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 200 + 9), "PNG"),
        "png-rgb16": _rgb16(image),
        "gif-plain": encode(palette, "GIF"),
        "gif-animated": encode(palette, "GIF", save_all=True, append_images=[palette.rotate(180)]),
        "bmp-rgb": encode(image, "BMP"),
        "bmp-grey": encode(image.convert("L"), "BMP"),
        "bmp-palette": encode(palette, "BMP"),
        "bmp-32bit": encode(alpha, "BMP"),
        "webp-lossy": encode(image, "WEBP"),
        "webp-alpha": encode(alpha, "WEBP", lossless=True),
    }


def _rgb16(image: Image.Image) -> bytes:
    deep = (np.asarray(image).astype(np.uint16) * 257).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in deep)
    return png_of(*image.size, 16, 2, zlib.compress(rows))
