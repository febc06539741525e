"""Collects the messages of one stream, within their limit and the memory budget."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

from lightship.errors import Internal, LightshipError, ResourceExhausted, Unimplemented

PREFIX_BYTES = 5  # bytes before each message: whether it is compressed, and its length
_SMALL = 1024  # bytes; smaller pieces are joined, because each object takes 33 bytes more than its content
_STEP = 1 << 20  # bytes that are inflated at a time


class Reservation(Protocol):
    """The memory that one call holds. `grow` and `keep` raise ResourceExhausted or Unavailable if it is too much."""

    def grow(self, amount: int) -> None:
        """Reserves more bytes, before they are allocated."""

    def keep(self, total: int = 1) -> None:
        """Counts at least this many bytes, also small amounts, because the call stays for longer than a moment."""

    def release(self) -> None:
        """Gives all bytes back."""


class Message:
    """The bytes of a message as they were received. `encoding`: how they are compressed, or empty."""

    __slots__ = ("data", "encoding")

    def __init__(self, data: bytes, encoding: str = "") -> None:
        self.data, self.encoding = data, encoding


class MessageReader:
    """Takes the bytes of a stream and yields its messages. Each of its errors ends the call."""

    __slots__ = ("_compressed", "_encoding", "_left", "_limit", "_parts", "_prefix", "_reservation")

    def __init__(self, encoding: str, limit: int, reservation: Reservation | None) -> None:
        """`encoding` is the header `grpc-encoding`. `limit` is the most bytes of a message."""
        self._encoding, self._limit, self._reservation = encoding, limit, reservation
        self._prefix = b""
        self._parts: list[bytes | bytearray] = []
        self._left = -1  # bytes of the message that are still to come; -1 before its prefix is complete
        self._compressed = False

    @property
    def begun(self) -> bool:
        """Whether a message has begun and is not complete."""
        return self._left >= 0 or bool(self._prefix)

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yields the messages that these bytes complete.

        Raises ResourceExhausted or Unavailable for a message that is too large, Unimplemented for an unknown
        compression, and Internal for an invalid prefix.
        """
        while True:
            if self._left < 0:
                data = self._read_prefix(data)
                if self._left < 0:
                    return
            part, data = data[: self._left], data[self._left :]
            self._add(part)
            if self._left:
                return
            yield self._take()
            if not data:
                return

    def _read_prefix(self, data: bytes) -> bytes:
        """Reads the prefix of a message, and returns the bytes behind it."""
        missing = PREFIX_BYTES - len(self._prefix)
        self._prefix += data[:missing]
        if len(self._prefix) == PREFIX_BYTES:
            self._compressed = self._is_compressed(self._prefix[0])
            length = int.from_bytes(self._prefix[1:], "big")
            if length > self._limit:
                raise too_large(length, self._limit)
            self._prefix, self._left = b"", length
        return data[missing:]

    def _is_compressed(self, flag: int) -> bool:
        if flag > 1:
            raise Internal(f"a message begins with the byte {flag}: send 0, or 1 for a compressed message")
        if flag and self._encoding == "identity":
            raise Internal("a message is compressed, but the header grpc-encoding does not say how")
        if flag and self._encoding not in ("gzip", "deflate"):
            raise Unimplemented(f"grpc-encoding is {self._encoding[:20]}; this server reads gzip and deflate")
        return bool(flag)

    def _add(self, part: bytes) -> None:
        if not part:
            return
        if self._reservation is not None:
            self._reservation.grow(len(part))
        parts = self._parts
        if len(part) >= _SMALL:
            parts.append(part)
        elif parts and isinstance(parts[-1], bytearray) and len(parts[-1]) < _SMALL:
            parts[-1] += part
        else:
            parts.append(bytearray(part))
        self._left -= len(part)

    def _take(self) -> Message:
        data, self._parts, self._left = b"".join(self._parts), [], -1
        return Message(data, self._encoding if self._compressed else "")


def inflate(message: Message, limit: int, reservation: Reservation | None) -> bytes:
    """Returns the bytes of a compressed message; `limit` is the most of them.

    Raises ResourceExhausted or Unavailable if there are too many, and Internal if they cannot be inflated.
    """
    if not message.encoding:
        return message.data
    inflater = zlib.decompressobj(31 if message.encoding == "gzip" else 15)
    parts, size, data = [], 0, message.data
    while not inflater.eof:
        try:
            part = inflater.decompress(data, _STEP)
        except zlib.error as error:
            raise Internal(f"a message cannot be inflated: send valid {message.encoding}") from error
        data = inflater.unconsumed_tail
        size += len(part)
        if size > limit:
            raise too_large(size, limit)
        if reservation is not None:
            reservation.grow(2 * len(part))  # the parts are joined at the end
        parts.append(part)
        if not part and not data and not inflater.eof:
            raise Internal(f"a message is cut off: send all of the {message.encoding}")
    if inflater.unused_data:
        raise Internal(f"bytes follow the end of a message's {message.encoding}: send none")
    return b"".join(parts)


def deflate(data: bytes, encoding: str) -> bytes:
    """Returns a message compressed with "gzip" or "deflate"."""
    deflater = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    return deflater.compress(data) + deflater.flush()


def too_large(size: int, limit: int) -> LightshipError:
    return ResourceExhausted(f"Received message larger than max ({size} vs. {limit})")
