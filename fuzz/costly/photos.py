"""Images that are small to send and costly to decode, or that only claim to be large."""

from __future__ import annotations

import io
import struct
import zlib
from random import Random

from benchmarks.attacks.payloads import jpeg_of_scans
from PIL import Image

_SIDES = (1, 100, 1000, 4000, 8000, 20_000, 65_535)
_PNG_KINDS = ((1, 0, 1), (8, 0, 1), (8, 2, 3), (8, 6, 4), (16, 6, 4), (16, 2, 3), (1, 3, 1))  # depth, color, samples
_MODES = ("1", "L", "P", "RGB", "RGBA")
_MAX_PIXELS_MADE = 20_000_000  # the fuzzer is not to need the memory that it asks the server for


def drawn_photo(random: Random) -> tuple[str, bytes]:
    """A media type and the bytes of an image, which may be damaged."""
    kind, data = random.choice(_KINDS)(random)
    if random.random() < 0.3:
        position = random.randrange(len(data))
        data = random.choice((data[:position], data[:position] + random.randbytes(2) + data[position + 2 :]))
    return f"image/{kind}", data


def _scans(random: Random) -> tuple[str, bytes]:
    return "jpeg", jpeg_of_scans(random.choice((1, 200, 300, 1000, 5000)), random.choice((8, 300, 1024, 3072)))


def _claimed_png(random: Random) -> tuple[str, bytes]:
    """A header of any size, with pixels for some of it: of one bit or sixteen, interlaced or not."""
    width, height = random.choice(_SIDES), random.choice(_SIDES)
    depth, color, samples = random.choice(_PNG_KINDS)
    row = 1 + (width * depth * samples + 7) // 8
    deflated = zlib.compress(bytes(min(row * height, random.choice((0, 1000, 8_000_000, 30_000_000)))), 9)
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, random.choice((0, 0, 1)))
    palette = [_chunk(b"PLTE", bytes(6))] if color == 3 else []
    chunks = [_chunk(b"IHDR", header), *palette, _chunk(b"IDAT", deflated), _chunk(b"IEND", b"")]
    return "png", b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _whole(random: Random) -> tuple[str, bytes]:
    width, height = random.choice(_SIDES[:5]), random.choice(_SIDES[:5])
    if width * height > _MAX_PIXELS_MADE:
        width = height = 4000
    image = Image.new(random.choice(_MODES), (width, height))
    kind = random.choice(("png", "gif", "webp", "bmp", "jpeg"))
    if kind == "jpeg":
        image = image.convert("RGB")
    return kind, _saved(image, kind)


def _frames(random: Random) -> tuple[str, bytes]:
    """An animation, of which only the first frame is wanted."""
    side, count = random.choice(((8, 2000), (300, 100), (1000, 20)))
    first = Image.new("P", (side, side))
    others = [Image.new("P", (side, side), 1 + number % 2) for number in range(count)]
    kind = random.choice(("gif", "webp", "png")) if side < 300 else "gif"
    return kind, _saved(first, kind, save_all=True, append_images=others)


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


_KINDS = (_scans, _scans, _claimed_png, _claimed_png, _claimed_png, _whole, _frames)
