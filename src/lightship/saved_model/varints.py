"""Reads the variable-length integers of a checkpoint's files."""

from __future__ import annotations

from lightship.errors import DataLoss
from lightship.tensors.varint import decode_varint


def read_varint(data: bytes, place: int) -> tuple[int, int]:
    """Returns the integer at `place` and the place after it. Raises DataLoss if it is cut off or beyond 64 bits."""
    found = decode_varint(data, place)
    if found is None:
        raise DataLoss("an integer of variable length is cut off or too long")
    return found
