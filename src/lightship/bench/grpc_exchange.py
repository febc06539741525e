"""gRPC calls that were prepared as messages, one after the other on an HTTP/2 connection (RFC 9113).

The server is told to keep no table of headers. So equal blocks of headers always mean the same, and each is decoded
once.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

import grpc
import hpack

from lightship.bench.answers import AnswerCheck
from lightship.bench.exchange import WRONG_ANSWER, InvalidResponse

_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW, _CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
_END_STREAM, _ACK, _END_HEADERS, _PADDED, _PRIORITY = 1, 1, 4, 8, 0x20
_TABLE_SIZE, _ENABLE_PUSH, _INITIAL_WINDOW, _MAX_FRAME = 1, 2, 4, 5
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_LARGEST_WINDOW = 2**31 - 1
_FIRST_WINDOW = 65535
_MAX_STREAM = 2**31 - 3
_MAX_BLOCKS = 1000  # of headers that are remembered
_MAX_FRAME_TAKEN = 16384  # what we declare, by not declaring another
_STATUS_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


def _frame(kind: int, flags: int, stream: int, payload: bytes | memoryview = b"") -> bytes:
    return b"".join((struct.pack(">I", len(payload))[1:], struct.pack(">BBI", kind, flags, stream), payload))


class HeaderBlocks:
    """What blocks of headers say, decoded once. Connections share it."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[str, str, str]] = {}

    def statuses(self, block: bytes) -> tuple[str, str, str]:
        """Returns `:status`, `grpc-status` and `grpc-message`, empty where there is none. Raises InvalidResponse."""
        known = self._known.get(block)
        if known is None:
            try:
                headers = {str(name): str(value) for name, value in hpack.Decoder().decode(block)}
            except (hpack.HPACKError, UnicodeDecodeError) as error:
                raise InvalidResponse(f"headers that cannot be decoded: {error}") from error
            told = [headers.get(name, "") for name in (":status", "grpc-status", "grpc-message")]
            known = (told[0], told[1], told[2])
            if len(self._known) < _MAX_BLOCKS:
                self._known[block] = known
        return known


class GrpcExchange:
    """One connection's calls. See `Exchange`."""

    def __init__(
        self, headers: Sequence[tuple[str, str]], messages: Sequence[bytes], check: AnswerCheck, blocks: HeaderBlocks
    ) -> None:
        """messages: with their prefixes of five bytes."""
        self._headers, self._messages, self._check, self._blocks = headers, messages, check, blocks
        self.ready, self.done, self.reusable = False, True, True
        self.error, self.body = "", b""
        self._encoder = hpack.Encoder()
        self._block, self._encoded = b"", 0
        self._stream, self._number = -1, 0
        self._buffer, self._left = b"", memoryview(b"")
        self._window, self._initial, self._stream_window, self._max_frame = _FIRST_WINDOW, _FIRST_WINDOW, 0, 16384
        self._consumed = 0
        self._parts: list[bytes] = []
        self._header_parts: list[bytes] = []
        self._statuses, self._ends = ("", "", ""), False

    @property
    def reason(self) -> bytes:
        return unquote_to_bytes(self._statuses[2])

    def opening(self) -> bytes:
        wanted = ((_TABLE_SIZE, 0), (_ENABLE_PUSH, 0), (_INITIAL_WINDOW, _LARGEST_WINDOW))
        settings = b"".join(struct.pack(">HI", *one) for one in wanted)
        window = struct.pack(">I", _LARGEST_WINDOW - _FIRST_WINDOW)
        return _PREFACE + _frame(_SETTINGS, 0, 0, settings) + _frame(_WINDOW, 0, 0, window)

    def begin(self, number: int) -> bytes:
        self.done, self.error, self._number = False, "", number
        self._stream += 2
        self._parts.clear()
        self._statuses = ("", "", "")
        if self._encoded < 2:  # the first one fills the server's table, and the second and all others refer to it
            self._block, self._encoded = self._encoder.encode(self._headers), self._encoded + 1
        self._left, self._stream_window = memoryview(self._messages[number]), self._initial
        return _frame(_HEADERS, _END_HEADERS, self._stream, self._block) + self._data()

    def _data(self) -> bytes:
        """Returns what the server's windows allow to send now of the message."""
        frames = []
        while self._left:
            size = min(self._window, self._stream_window, self._max_frame, len(self._left))
            if size <= 0:
                break
            piece, self._left = self._left[:size], self._left[size:]
            self._window -= size
            self._stream_window -= size
            frames.append(_frame(_DATA, 0 if self._left else _END_STREAM, self._stream, piece))
        return b"".join(frames)

    def receive(self, data: bytes) -> bytes:
        buffer = self._buffer + data if self._buffer else data
        position, replies = 0, []
        while len(buffer) - position >= 9:
            length = int.from_bytes(buffer[position : position + 3], "big")
            if length > _MAX_FRAME_TAKEN:
                raise InvalidResponse("not HTTP/2, or a frame that is too long")
            end = position + 9 + length
            if len(buffer) < end:
                break
            kind, flags, stream = buffer[position + 3], buffer[position + 4], buffer[position + 5 : position + 9]
            reply = self._take(kind, flags, int.from_bytes(stream, "big") & 0x7FFFFFFF, buffer[position + 9 : end])
            if reply:
                replies.append(reply)
            position = end
        self._buffer = buffer[position:]
        return b"".join(replies)

    def end(self) -> None:
        pass  # a call that has not ended is not answered

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> bytes:
        if kind == _DATA:
            return self._take_data(flags, stream, payload)
        if kind in (_HEADERS, _CONTINUATION):
            self._take_headers(kind, flags, stream, payload)
        elif kind == _SETTINGS and not flags & _ACK:
            return self._take_settings(payload)
        elif kind == _WINDOW:
            return self._take_window(stream, payload)
        elif kind == _PING and not flags & _ACK:
            return _frame(_PING, _ACK, 0, payload)
        elif kind == _RESET and stream == self._stream and not self.done:
            self.done, self.error = True, "gRPC call reset"
        elif kind == _GOAWAY:
            self.reusable = False
            if not self.done and int.from_bytes(payload[:4], "big") & 0x7FFFFFFF < self._stream:
                self.done, self.error = True, "connection closed"
        return b""

    def _take_data(self, flags: int, stream: int, payload: bytes) -> bytes:
        self._consumed += len(payload)
        if stream == self._stream:
            self._parts.append(payload[1 : len(payload) - payload[0]] if flags & _PADDED and payload else payload)
            if flags & _END_STREAM:
                self._finish()
        if self._consumed < _LARGEST_WINDOW // 2:
            return b""
        consumed, self._consumed = self._consumed, 0
        return _frame(_WINDOW, 0, 0, struct.pack(">I", consumed))

    def _take_headers(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _HEADERS:
            self._ends = bool(flags & _END_STREAM)
            self._header_parts.clear()
            if flags & _PADDED and payload:
                payload = payload[1 : len(payload) - payload[0]]
            if flags & _PRIORITY:
                payload = payload[5:]
        self._header_parts.append(payload)
        if not flags & _END_HEADERS or stream != self._stream:
            return
        http, status, message = self._blocks.statuses(b"".join(self._header_parts))
        self._statuses = (http or self._statuses[0], status or self._statuses[1], message)
        if self._ends:
            self._finish()

    def _take_settings(self, payload: bytes) -> bytes:
        for name, value in struct.iter_unpack(">HI", payload[: len(payload) // 6 * 6]):
            if name == _INITIAL_WINDOW:
                self._stream_window += value - self._initial
                self._initial = value
            elif name == _MAX_FRAME:
                self._max_frame = value
            elif name == _TABLE_SIZE and value < self._encoder.header_table_size:
                self._encoder.header_table_size = value
                self._encoded = 0
        self.ready = True
        return _frame(_SETTINGS, _ACK, 0) + self._data()

    def _take_window(self, stream: int, payload: bytes) -> bytes:
        size = int.from_bytes(payload, "big") & 0x7FFFFFFF
        if stream == 0:
            self._window += size
        elif stream == self._stream:
            self._stream_window += size
        return self._data()

    def _finish(self) -> None:
        if self.done:
            return
        self.done, self.body = True, b"".join(self._parts)
        self.reusable = self.reusable and not self._left and self._stream < _MAX_STREAM
        http, status, _ = self._statuses
        if http not in ("", "200"):
            self.error = f"HTTP {http}"
        elif status != "0":
            code = int(status) if status.isdecimal() else 2
            self.error = f"gRPC {_STATUS_NAMES.get(code, code)}"
        elif not self._check.right(self._number, self.body):
            self.error = WRONG_ANSWER
