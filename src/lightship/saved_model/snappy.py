"""Decompresses a block in the Snappy format, which the index of a tensor bundle may be written in.

Such blocks are small, so this is Python and no further dependency.
"""

from __future__ import annotations

from lightship.errors import DataLoss
from lightship.saved_model.varints import read_varint


def decompress(data: bytes, limit: int) -> bytes:
    """Returns the decompressed block. Raises DataLoss if it is broken or has more than `limit` bytes."""
    size, place = read_varint(data, 0)
    if size > limit:
        raise DataLoss(f"a compressed block claims to have {size} bytes; the limit is {limit}")
    out = bytearray()
    while place < len(data):
        place = _element(data, place, out)
        if len(out) > size:
            break
    if len(out) != size:
        raise DataLoss(f"a compressed block has {len(out)} bytes or more, but claims to have {size}")
    return bytes(out)


def _element(data: bytes, place: int, out: bytearray) -> int:
    """Reads one element: bytes as they are, or a copy of earlier output. Returns the place of the next element."""
    tag = data[place]
    kind = tag & 3
    if kind == 0:
        return _literal(data, place, out)
    if kind == 1:
        length, offset, after = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | int.from_bytes(data[place + 1 : place + 2]), 2
    else:
        width = 2 if kind == 2 else 4
        length, offset = (tag >> 2) + 1, int.from_bytes(data[place + 1 : place + 1 + width], "little")
        after = 1 + width
    if place + after > len(data) or not 0 < offset <= len(out):
        raise DataLoss("a compressed block is broken: it copies from before its beginning or ends too early")
    start = len(out) - offset
    piece = bytes(out[start : start + length])
    out += (piece * (length // len(piece) + 1))[:length]  # a copy may overlap its own output
    return place + after


def _literal(data: bytes, place: int, out: bytearray) -> int:
    length, start = data[place] >> 2, place + 1
    if length >= 60:
        width = length - 59
        length, start = int.from_bytes(data[start : start + width], "little"), start + width
    end = start + length + 1
    if end > len(data):
        raise DataLoss("a compressed block is broken: it ends too early")
    out += data[start:end]
    return end
