"""Decompresses request bodies with `Content-Encoding: gzip`."""

from __future__ import annotations

import zlib
from io import BytesIO

from lightship.errors import InvalidArgument, TooLarge
from lightship.memory_budget import NOT_COUNTED, Reservation

_TAKEN = 64 << 10  # compressed bytes that are decompressed at a time, since what is left of them is copied each time
_GIVEN = 1 << 20  # the most bytes that they may become at a time


def gunzip(body: bytes, limit: int, memory: Reservation = NOT_COUNTED) -> bytes:
    """Returns the uncompressed body of all gzip members.

    Each part is counted in `memory` before it is decompressed. Raises InvalidArgument if the body is not complete gzip
    data, TooLarge if the result exceeds `limit` bytes, and the errors of `Reservation.grow`.
    """
    result = BytesIO()  # it grows in place and returns its bytes without a copy
    position = 0
    while position < len(body) or not position:
        position = _inflate_member(body, position, result, limit, memory)
    return result.getvalue()


def _inflate_member(body: bytes, position: int, result: BytesIO, limit: int, memory: Reservation) -> int:
    """Appends the content of the member that begins at `position`. Returns the position after it."""
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    data = b""
    while not inflater.eof:
        if not data:
            data = body[position : position + _TAKEN]
            position += len(data)
        memory.grow(_GIVEN)
        piece = _inflated(inflater, data)
        memory.shrink(_GIVEN - len(piece))
        if result.tell() + len(piece) > limit:
            raise TooLarge(f"The gzip body holds more than {limit} bytes; the limit is set by --max-request-bytes")
        result.write(piece)
        if not data and not piece and not inflater.eof:
            raise InvalidArgument(
                "The request says Content-Encoding: gzip, but its gzip data ends too early: send all of it"
            )
        data = inflater.unconsumed_tail
    return position - len(inflater.unused_data)


def _inflated(inflater: zlib._Decompress, data: bytes) -> bytes:
    try:
        return inflater.decompress(data, _GIVEN)
    except zlib.error as error:
        raise InvalidArgument(
            f"The request says Content-Encoding: gzip, but its body is not gzip data: {error}"
        ) from None
