"""Reads and writes protobuf's variable-length integers: seven bits in each byte, the lowest bits first."""

from __future__ import annotations

_MAX_BITS = 64


def encode_varint(number: int) -> bytes:
    """Returns a number that is not negative as a varint: seven bits in each byte, the lowest bits first."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def decode_varint(data: bytes, position: int) -> tuple[int, int] | None:
    """Returns the number at a position and the position after it, or None if it is cut off or beyond 64 bits."""
    number = shift = 0
    while position < len(data) and shift < _MAX_BITS:
        byte = data[position]
        number, shift, position = number | (byte & 0x7F) << shift, shift + 7, position + 1
        if byte < 0x80:
            return number, position
    return None
