"""Opens images: reads the header and checks the limits. The pixels are decoded later.

The bytes are not trusted: only five decoders are used, their work is limited before anything is decoded, and any error
in them becomes an InvalidArgument.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from lightship.errors import Cancelled, InvalidArgument, TooLarge, Unavailable
from lightship.images.decoding_memory import ImageHeader
from lightship.images.formats import PNG_SIGNATURE, image_format
from lightship.images.jpeg import check_jpeg_head, check_jpeg_scans

# 8,000 x 8,000 pixels: more than most cameras produce, and about 200 MB when decoded.
MAX_PIXELS = 64_000_000
# The limit of JPEG. With a line of millions of pixels, the weights of a resize would be as large as the photo.
MAX_IMAGE_SIDE = 65_535

# Chunks of a PNG, and blocks before the picture of a GIF. They are visited one by one, and a chunk takes 12 bytes.
MAX_PARTS = 1 << 16
# Pillow decodes the run-length encoding of BMP in Python.
MAX_RLE_PIXELS, MAX_RLE_BYTES = 1 << 22, 1 << 22

_BMP_RLE = (1, 2)  # numbers of the compressions RLE8 and RLE4 in the header
# Is called with what the header says before memory is allocated for pixels, and may raise an error.
BeforePixels = Callable[[ImageHeader], None]


class _Jpeg(JpegImageFile):
    """Does not read the resolution from EXIF: Pillow would warn on standard error about unusual cameras."""

    def _read_dpi_from_exif(self) -> None:
        return


def open_image(data: bytes, *, max_pixels: int = MAX_PIXELS, before_pixels: BeforePixels | None = None) -> Image.Image:
    """Reads the header of an image and checks its size. `convert_as_pillow` and others decode the pixels later.

    Raises InvalidArgument if the bytes have none of the five formats or the header is broken, TooLarge if the image
    has more than `max_pixels` pixels or takes too much work to decode, and the errors of `before_pixels`.
    """
    if not data:
        raise InvalidArgument("the image is empty (0 bytes): give a JPEG, PNG, BMP, GIF or WebP file")
    name = _checked_format(data)
    with decoder_errors(name, len(data)):
        if name == "WebP":
            return _open_webp(data, max_pixels, before_pixels)
        image = _OPENERS[name](data, max_pixels)
        _check_size(*image.size, max_pixels)
        header = ImageHeader(name, image.mode, *image.size, transparent="transparency" in image.info)
        if name == "JPEG":
            scans = check_jpeg_scans(data, *image.size)
            header = header._replace(scans="progressive" in image.info or scans > 1)
        if before_pixels is not None:
            before_pixels(header)
        return image


def image_size(data: bytes, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Returns the width and height that the header of an image says. Allocates nothing for pixels.

    The errors are those of `open_image`.
    """
    found: tuple[int, int] | None = None

    def stop(header: ImageHeader) -> None:
        nonlocal found
        found = header.width, header.height
        raise Cancelled("the rest is not wanted")

    try:
        return open_image(data, max_pixels=max_pixels, before_pixels=stop).size
    except Cancelled:
        if found is None:
            raise
        return found


def _open_webp(data: bytes, max_pixels: int, before_pixels: BeforePixels | None) -> ImageFile:
    """Makes all checks first, because Pillow's WebP decoder allocates the whole canvas when it opens a file."""
    size = _webp_size(data)
    if size is not None:
        _check_size(*size, max_pixels)
        if before_pixels is not None:
            before_pixels(ImageHeader("WebP", "", *size))
    image = WebPImageFile(BytesIO(data))
    _check_size(*image.size, max_pixels)
    return image


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Returns the width and height of the canvas, or None if the file has no known first chunk, as no WebP has."""
    kind, bits = data[12:16], int.from_bytes(data[21:30], "little")
    if kind == b"VP8X":
        return (bits >> 24 & 0xFFFFFF) + 1, (bits >> 48 & 0xFFFFFF) + 1
    if kind == b"VP8L":
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return (bits >> 40 & 0x3FFF, bits >> 56 & 0x3FFF) if kind == b"VP8 " else None


def _open_gif(data: bytes, max_pixels: int) -> ImageFile:
    """Checks the first frame too: it may be larger than the canvas, and Pillow would enlarge the canvas for it."""
    position = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    blocks = 0
    while data[position] == 0x21:  # an extension: a label, then blocks that begin with their length, the last with 0
        position += 2
        blocks += 1
        while data[position] and blocks <= MAX_PARTS:
            position += 1 + data[position]
            blocks += 1
        _check_parts("GIF", "blocks before its picture", blocks)
        position += 1
    left, top, width, height = struct.unpack_from("<4H", data, position + 1)
    canvas_width, canvas_height = struct.unpack_from("<2H", data, 6)
    _check_size(max(canvas_width, left + width), max(canvas_height, top + height), max_pixels)
    return GifImageFile(BytesIO(data))


def _open_png(data: bytes, max_pixels: int) -> ImageFile:
    """Passes only the chunks of the pixels on, so that Pillow reads no compressed text, profiles or animations."""
    parts, position, chunks = [PNG_SIGNATURE], 8, 0
    while position + 12 <= len(data):
        chunks += 1
        _check_parts("PNG", "chunks", chunks)
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            parts.append(data[position:end])
        position = end
    return PngImageFile(BytesIO(b"".join(parts)))


def _open_jpeg(data: bytes, max_pixels: int) -> ImageFile:
    check_jpeg_head(data)
    return _Jpeg(BytesIO(data))


def _open_bmp(data: bytes, max_pixels: int) -> ImageFile:
    image = BmpImageFile(BytesIO(data))
    width, height = image.size
    if int.from_bytes(data[30:34], "little") not in _BMP_RLE:
        return image
    if width * height > MAX_RLE_PIXELS or len(data) > MAX_RLE_BYTES:
        raise TooLarge(
            f"the BMP image is run-length encoded and has {width} x {height} = {width * height} pixels in {len(data)} "
            f"bytes; at most {MAX_RLE_PIXELS} pixels in {MAX_RLE_BYTES} bytes are allowed: send it as PNG"
        )
    return image


_OPENERS: dict[str, Callable[[bytes, int], ImageFile]] = {
    "JPEG": _open_jpeg,
    "PNG": _open_png,
    "GIF": _open_gif,
    "BMP": _open_bmp,
}


def _check_parts(name: str, what: str, count: int) -> None:
    if count > MAX_PARTS:
        raise InvalidArgument(f"the {name} image has more than {MAX_PARTS} {what}: encode it again")


def _checked_format(data: bytes) -> str:
    name = image_format(data)
    if name is None:
        raise InvalidArgument(
            f"the image is not JPEG, PNG, BMP, GIF or WebP: it begins with {bytes(data[:8])!r}; "
            "convert it to one of these"
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
def decoder_errors(name: str | None, size: int | None) -> Iterator[None]:
    """Turns every error of a decoder into InvalidArgument: hostile bytes can make it raise almost any exception."""
    try:
        yield
    except (InvalidArgument, TooLarge, Unavailable, Cancelled):
        raise
    except Exception as fault:
        length = "" if size is None else f" of {size} bytes"
        raise InvalidArgument(
            f"the {name or 'image'} image{length} cannot be decoded: {str(fault).strip() or type(fault).__name__}; "
            "it is truncated or broken; send the complete file"
        ) from fault
