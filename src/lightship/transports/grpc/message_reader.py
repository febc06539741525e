"""Collects the messages of one stream, within their limit and the memory budget."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from io import BytesIO

from lightship.errors import Internal, LightshipError, ResourceExhausted, Unimplemented
from lightship.memory_budget import Reservation

PREFIX_BYTES = 5  # bytes before each message: whether it is compressed, and its length
_START = 1024  # bytes of a message that say which model it is for
_PIECE = 64 << 10  # compressed bytes that are inflated at a time
_STEP = 1 << 20  # bytes that are inflated at a time


class Message:
    """A message as it was received. `encoding`: how it is compressed, or empty.

    `size` is the number of its bytes.
    """

    __slots__ = ("_data", "encoding", "size")

    def __init__(self, data: bytes, encoding: str = "") -> None:
        self._data, self.encoding = data, encoding
        self.size = len(data)

    @property
    def start(self) -> bytes:
        """The first bytes, as they were received."""
        return self._data[:_START]

    def read(self, limit: int, memory: Reservation) -> bytes:
        """Returns the bytes of the message, inflated, and gives them up. `limit` is the most bytes.

        Raises ResourceExhausted or NoRoom if there are too many, and Internal if they cannot be inflated.
        """
        data, self._data = self._data, b""
        return _inflated(data, self.encoding, limit, memory) if self.encoding else data


class MessageReader:
    """Takes the bytes of a stream and yields its messages. Each of its errors ends the call."""

    __slots__ = ("_compressed", "_encoding", "_left", "_limit", "_memory", "_prefix", "_received", "size")

    def __init__(self, encoding: str, limit: int, memory: Reservation) -> None:
        """`encoding` is the header `grpc-encoding`. `limit` is the most bytes of a message."""
        self._encoding, self._limit, self._memory = encoding, limit, memory
        self.size = 0  # bytes of the newest message whose prefix has come
        self._prefix = b""
        self._received: bytes | BytesIO = b""  # of the message that has begun
        self._left = -1  # bytes of the message that are still to come; -1 before its prefix is complete
        self._compressed = False

    @property
    def begun(self) -> bool:
        """Whether a message has begun and is not complete."""
        return self._left >= 0 or bool(self._prefix)

    @property
    def start(self) -> bytes:
        """The first bytes of the message that has begun, as they were received."""
        received = self._received
        return received[:_START] if isinstance(received, bytes) else bytes(received.getbuffer()[:_START])

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yields the messages that these bytes complete.

        Raises ResourceExhausted or NoRoom for a message that is too large, Unimplemented for an unknown
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
            self._memory.check(length)
            self._prefix, self._left, self.size = b"", length, length
        return data[missing:]

    def _is_compressed(self, flag: int) -> bool:
        if flag > 1:
            raise Internal(f"a message begins with the byte {flag}: send 0, or 1 for a compressed message")
        if flag and self._encoding == "identity":
            raise Internal("a message is compressed, but the header grpc-encoding does not say how")
        if flag and self._encoding not in ("gzip", "deflate"):
            raise Unimplemented(f"grpc-encoding is {self._encoding}; this server reads gzip and deflate")
        return bool(flag)

    def _add(self, part: bytes) -> None:
        if not part:
            return
        self._memory.grow(len(part))
        self._left -= len(part)
        received = self._received
        if received == b"":
            self._received = part
            return
        if isinstance(received, bytes):
            self._received = grown = BytesIO()  # it grows in place and returns its bytes without a copy
            grown.write(received)
            received = grown
        received.write(part)

    def _take(self) -> Message:
        received, self._received, self._left = self._received, b"", -1
        data = received if isinstance(received, bytes) else received.getvalue()
        return Message(data, self._encoding if self._compressed else "")


def _inflated(data: bytes, encoding: str, limit: int, memory: Reservation) -> bytes:
    inflater = zlib.decompressobj(31 if encoding == "gzip" else 15)
    inflated: list[bytes] = []
    size = 0
    for start in range(0, len(data), _PIECE):
        for piece in _pieces(inflater, data[start : start + _PIECE], encoding):
            size += len(piece)
            if size > limit:
                raise too_large(size, limit)
            memory.grow(2 * len(piece))  # the pieces are joined at the end
            inflated.append(piece)
    if not inflater.eof:
        raise Internal(f"a message is cut off: send all of the {encoding}")
    return b"".join(inflated)


def _pieces(inflater: zlib._Decompress, data: bytes, encoding: str) -> Iterator[bytes]:
    """Yields what compressed bytes become, in steps."""
    while data:
        if inflater.eof:
            raise Internal(f"bytes follow the end of a message's {encoding}: send none")
        piece = _step(inflater, data, encoding)
        data = inflater.unconsumed_tail or inflater.unused_data
        if piece:
            yield piece
    # What was read may hold more than the last step gave.
    while not inflater.eof:
        piece = _step(inflater, b"", encoding)
        if not piece:
            return
        yield piece


def _step(inflater: zlib._Decompress, data: bytes, encoding: str) -> bytes:
    try:
        return inflater.decompress(data, _STEP)
    except zlib.error as error:
        raise Internal(f"a message cannot be inflated: send valid {encoding}") from error


def deflate(data: bytes, encoding: str) -> bytes:
    """Returns a message compressed with "gzip" or "deflate"."""
    deflater = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    return deflater.compress(data) + deflater.flush()


def too_large(size: int, limit: int) -> LightshipError:
    return ResourceExhausted(f"Received message larger than max ({size} vs. {limit})")
