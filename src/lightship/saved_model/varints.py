"""Reads integers of variable length, seven bits a byte, the lowest first."""

from __future__ import annotations

from lightship.errors import DataLoss

_MAX_BITS = 64


def read_varint(data: bytes, place: int) -> tuple[int, int]:
    """Returns the integer at `place` and the place after it. Raises DataLoss if it is cut off or beyond 64 bits."""
    number = shift = 0
    while place < len(data) and shift < _MAX_BITS:
        byte = data[place]
        number |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return number, place
    raise DataLoss("an integer of variable length is cut off or too long")
