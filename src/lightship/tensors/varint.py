"""Writes protobuf's variable-length integers."""

from __future__ import annotations


def encode_varint(number: int) -> bytes:
    """Returns a number that is not negative as a varint: seven bits in each byte, the lowest bits first."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
