"""Decodes base64 in slices, so that other threads of the interpreter can run while a long text is decoded."""

from __future__ import annotations

import binascii
from collections.abc import Iterator

from lightship.errors import InvalidArgument

_SLICE = 1 << 20  # bytes, a multiple of 4
_BLANKS = b" \t\n\v\f\r"


def decode_text(data: bytes) -> bytes:
    """Decodes base64. The alphabet is the standard one, white space is ignored, and padding is optional.

    If there is padding, it must be correct. Raises InvalidArgument for anything else.
    """
    decoded = _strict(data)
    if decoded is None:
        data = b"".join(piece.translate(None, _BLANKS) for piece in _slices(data))
        decoded = _strict(data if b"=" in data else data + b"=" * (-len(data) % 4))
    if decoded is None:
        raise InvalidArgument("Unable to base64 decode")
    return decoded


def _strict(data: bytes) -> bytes | None:
    padding = data.find(b"=")
    if padding >= 0 and (padding + 2 < len(data) or len(data) % 4):  # binascii takes padding behind whole groups
        return None
    try:
        return b"".join(binascii.a2b_base64(piece, strict_mode=True) for piece in _slices(data))
    except binascii.Error:
        return None


def _slices(data: bytes) -> Iterator[bytes]:
    if len(data) <= _SLICE:
        return iter((data,))
    return (data[start : start + _SLICE] for start in range(0, len(data), _SLICE))
