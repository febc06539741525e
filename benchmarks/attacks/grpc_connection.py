"""One HTTP/2 connection of an attacker or of another client, which sends what no library would."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress

from benchmarks.attacks.exchange import connect
from hpack import Decoder

PREDICT = "/tensorflow.serving.PredictionService/Predict"
DATA, HEADERS, _, RST_STREAM, SETTINGS, _, PING, GOAWAY, WINDOW_UPDATE = range(9)
END_STREAM, END_HEADERS = 1, 4
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEAD_BYTES, _FRAME_BYTES = 9, 16 << 10
_INITIAL_WINDOW, _MAX_WINDOW = 4, (1 << 31) - 1  # the setting's number, and its largest value
_DEFAULT_WINDOW = 65_535
_CODES = {"0": "OK", "4": "DEADLINE_EXCEEDED", "8": "RESOURCE_EXHAUSTED", "14": "UNAVAILABLE"}


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def headers(path: str = PREDICT, *more: tuple[str, str]) -> bytes:
    """A header block without compression."""
    fields = (
        *((":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost")),
        *(("te", "trailers"), ("content-type", "application/grpc"), *more),
    )
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in fields)


def _text(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def message(data: bytes, *, compressed: bool = False, length: int | None = None) -> bytes:
    """A message with its prefix. length: the one that the prefix says, if that is another one."""
    return bytes([compressed]) + (len(data) if length is None else length).to_bytes(4, "big") + data


class Connection:
    """A connection that sends within the server's windows, and counts how its streams end.

    `ends`: how often there was which status, "reset" or "closed".
    """

    def __init__(self, port: int, timeout: float = 30.0) -> None:
        self._socket = connect(port, timeout)
        self._window = _DEFAULT_WINDOW
        self._stream_window = _DEFAULT_WINDOW
        self._windows: dict[int, int] = {}
        self._received = b""
        self._decoder = Decoder()
        self._next = 1
        self.open: set[int] = set()
        self.ends: Counter[str] = Counter()
        self.closed = False
        self.write(_PREFACE + frame(SETTINGS, 0, 0))

    def write(self, data: bytes) -> None:
        """Sends bytes as they are."""
        try:
            self._socket.sendall(data)
        except OSError:
            self._close()

    def start(self, block: bytes, *, count: bool = True) -> int:
        """Opens a stream. count: its end is waited for and counted."""
        stream, self._next = self._next, self._next + 2
        self._windows[stream] = self._stream_window
        if count:
            self.open.add(stream)
        self.write(frame(HEADERS, END_HEADERS, stream, block))
        return stream

    def numbers(self, count: int) -> list[int]:
        """The numbers of further streams, which the caller opens by itself."""
        first, self._next = self._next, self._next + 2 * count
        return list(range(first, self._next, 2))

    def send(self, stream: int, data: bytes, *, end: bool = True) -> None:
        """Sends a body as the server's windows allow, until the stream ends."""
        position = 0
        while position < len(data) and not self.closed and stream in self.open:
            size = min(_FRAME_BYTES, len(data) - position, self._window, self._windows[stream])
            if size <= 0:
                self.read()
                continue
            last = end and position + size == len(data)
            self.write(frame(DATA, END_STREAM if last else 0, stream, data[position : position + size]))
            position += size
            self._window -= size
            self._windows[stream] -= size
            if not position % (1 << 20):
                self.read_what_is_there()

    def read_what_is_there(self) -> None:
        self._socket.setblocking(False)
        with suppress(BlockingIOError):
            while not self.closed:
                self._receive()
        if not self.closed:
            self._socket.setblocking(True)

    def read(self, timeout: float = 30.0) -> None:
        """Waits for more from the server. Raises TimeoutError."""
        self._socket.settimeout(timeout)
        self._receive()

    def finish(self, seconds: float) -> None:
        """Waits until all streams have ended."""
        end = time.monotonic() + seconds
        with suppress(TimeoutError):
            while self.open and not self.closed and time.monotonic() < end:
                self.read(max(0.01, end - time.monotonic()))
        self.ends["timeout"] += len(self.open)
        self.ends += Counter()  # without zeros
        self.close()

    def close(self) -> None:
        self.closed = True
        self._socket.close()

    def _close(self) -> None:
        if not self.closed:
            self.ends["closed"] += len(self.open) or 1
            self.open.clear()
            self.close()

    def _receive(self) -> None:
        try:
            data = self._socket.recv(1 << 20)
        except ConnectionError:
            data = b""
        if not data:
            self._close()
            return
        self._received += data
        position = 0
        while len(self._received) - position >= _HEAD_BYTES:
            length = int.from_bytes(self._received[position : position + 3], "big")
            end = position + _HEAD_BYTES + length
            if end > len(self._received):
                break
            kind, flags = self._received[position + 3], self._received[position + 4]
            number = int.from_bytes(self._received[position + 5 : position + _HEAD_BYTES], "big")
            self._take(kind, flags, number, self._received[position + _HEAD_BYTES : end])
            position = end
        self._received = self._received[position:]

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == SETTINGS and not flags:
            self._apply(payload)
        elif kind == PING and not flags:
            self.write(frame(PING, 1, 0, payload))
        elif kind == WINDOW_UPDATE:
            increment = int.from_bytes(payload, "big")
            if stream:
                self._windows[stream] = self._windows.get(stream, 0) + increment
            else:
                self._window += increment
        elif kind == DATA and payload:
            grown = len(payload).to_bytes(4, "big")
            self.write(frame(WINDOW_UPDATE, 0, 0, grown) + frame(WINDOW_UPDATE, 0, stream, grown))
        elif kind == RST_STREAM and stream in self.open:
            self._ended(stream, "reset")
        elif kind == HEADERS:
            fields = dict(self._decoder.decode(payload))  # every block, since later ones may refer to it
            if flags & END_STREAM and stream in self.open:
                self._ended(stream, _CODES.get(fields.get("grpc-status", ""), str(fields)))

    def _apply(self, payload: bytes) -> None:
        for at in range(0, len(payload), 6):
            if int.from_bytes(payload[at : at + 2], "big") == _INITIAL_WINDOW:
                change = int.from_bytes(payload[at + 2 : at + 6], "big") - self._stream_window
                self._stream_window += change
                self._windows = {stream: window + change for stream, window in self._windows.items()}
        self.write(frame(SETTINGS, 1, 0))

    def _ended(self, stream: int, how: str) -> None:
        self.open.discard(stream)
        self._windows.pop(stream, None)
        self.ends[how] += 1
