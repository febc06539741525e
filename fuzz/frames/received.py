"""What comes from the server must be HTTP/2, whatever was sent to it."""

from __future__ import annotations

from collections import Counter

from hpack import Decoder
from hpack.exceptions import HPACKError

from fuzz.answers import Wrong

_HEAD = 9
_MAX_FRAME = 1 << 20  # the server sends no more, even if the client allows it
_DATA, _HEADERS, _RST_STREAM, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 7, 8
_OF_CONNECTION = {4, 6, 7}
_KNOWN = {_DATA, _HEADERS, _RST_STREAM, _WINDOW_UPDATE} | _OF_CONNECTION
_END_STREAM, _END_HEADERS = 1, 4


class Received:
    """Reads the server's frames. `ends`: how many streams were answered ("ended") or reset, and each GOAWAY's code."""

    def __init__(self) -> None:
        self.ends: Counter[str] = Counter()
        self._rest = b""
        self._decoder = Decoder(max_header_list_size=1 << 20)
        self._over: set[int] = set()
        self._begun: set[int] = set()

    def feed(self, data: bytes) -> None:
        """Raises Wrong for what no HTTP/2 server may send."""
        data, at = self._rest + data, 0
        while len(data) - at >= _HEAD:
            size, kind, flags = int.from_bytes(data[at : at + 3], "big"), data[at + 3], data[at + 4]
            if size > _MAX_FRAME:
                raise Wrong(f"frames: the server sends a frame of {size} bytes")
            if len(data) - at - _HEAD < size:
                break
            number = int.from_bytes(data[at + 5 : at + _HEAD], "big")
            self._take(kind, flags, number, data[at + _HEAD : at + _HEAD + size])
            at += _HEAD + size
        self._rest = data[at:]

    def _take(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if kind not in _KNOWN or (kind in _OF_CONNECTION and number):
            raise Wrong(f"frames: the server sends the kind {kind} for the stream {number}")
        if kind == _GOAWAY:
            self.ends[f"GOAWAY {int.from_bytes(payload[4:8], 'big')}"] += 1
        if kind in _OF_CONNECTION or (kind == _WINDOW_UPDATE and not number):
            return
        if number % 2 == 0:
            raise Wrong(f"frames: the server sends the kind {kind} for the stream {number}")
        if number in self._over and kind != _RST_STREAM:
            raise Wrong(f"frames: the server sends the kind {kind} for the stream {number}, which it has ended")
        if kind == _HEADERS:
            self._take_headers(flags, number, payload)
        elif kind == _DATA and number not in self._begun:
            raise Wrong(f"frames: a body without headers on the stream {number}")
        if kind == _RST_STREAM or (kind in (_DATA, _HEADERS) and flags & _END_STREAM):
            self._over.add(number)
            self.ends["reset" if kind == _RST_STREAM else "ended"] += 1

    def _take_headers(self, flags: int, number: int, payload: bytes) -> None:
        if not flags & _END_HEADERS:
            raise Wrong("frames: the server sends headers in several frames")
        try:
            fields = dict(self._decoder.decode(payload))
        except HPACKError as error:
            raise Wrong(f"frames: the server's headers cannot be read: {error}") from error
        if (":status" in fields) == (number in self._begun):
            raise Wrong(f"frames: headers out of turn on the stream {number}: {fields}")
        self._begun.add(number)
