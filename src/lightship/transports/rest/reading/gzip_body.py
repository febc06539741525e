"""Decompresses request bodies with `Content-Encoding: gzip`."""

from __future__ import annotations

import zlib

from lightship.errors import InvalidArgument, TooLarge

_CHUNK = 1 << 20


def gunzip(body: bytes, limit: int) -> bytes:
    """Returns the uncompressed body of all gzip members.

    Raises InvalidArgument if the body is not complete gzip data. Raises TooLarge if the result exceeds `limit` bytes;
    this is checked during decompression.
    """
    pieces: list[bytes] = []
    size = 0
    while body or not pieces:
        inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        data = body
        while not inflater.eof:
            piece = _inflated(inflater, data)
            size += len(piece)
            if size > limit:
                raise TooLarge(f"The gzip body holds more than {limit} bytes; the limit is set by --max-request-bytes")
            pieces.append(piece)
            data = inflater.unconsumed_tail
            if not data and not piece and not inflater.eof:
                raise InvalidArgument(
                    "The request says Content-Encoding: gzip, but its gzip data ends too early: send all of it"
                )
        body = inflater.unused_data
    return b"".join(pieces)


def _inflated(inflater: zlib._Decompress, data: bytes) -> bytes:
    try:
        return inflater.decompress(data, _CHUNK)
    except zlib.error as error:
        raise InvalidArgument(
            f"The request says Content-Encoding: gzip, but its body is not gzip data: {error}"
        ) from None
