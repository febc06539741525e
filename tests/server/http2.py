"""An HTTP/2 client driven by hand: it can do what no gRPC library would."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import h2.config
import h2.connection
import h2.events
import h2.exceptions

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PREDICT = "/tensorflow.serving.PredictionService/Predict"
PATIENCE = 60.0
GOAWAY = 7


def message(data: bytes, *, compressed: bool = False, length: int | None = None) -> bytes:
    """A message as gRPC puts it into a stream."""
    return struct.pack(">BI", compressed, len(data) if length is None else length) + data


def frame(kind: int, flags: int, stream: int, payload: bytes = b"", length: int | None = None) -> bytes:
    return (
        struct.pack(">I", len(payload) if length is None else length)[1:]
        + struct.pack(">BBI", kind, flags, stream)
        + payload
    )


@dataclass(slots=True)
class Answer:
    """What came on a stream; reset: the code that ended it early."""

    headers: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, str] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> int | None:
        found = self.trailers.get("grpc-status", self.headers.get("grpc-status"))
        return None if found is None else int(found)

    @property
    def text(self) -> str:
        return unquote(self.trailers.get("grpc-message", self.headers.get("grpc-message", "")))

    @property
    def message(self) -> bytes:
        assert self.data[0] == 0, "the answer is compressed"
        assert struct.unpack(">I", self.data[1:5])[0] == len(self.data) - 5
        return bytes(self.data[5:])

    @property
    def over(self) -> bool:
        return self.ended or self.reset is not None


class Http2:
    """One connection. takes: gives the server new windows for what it sends, at once."""

    def __init__(self, port: int, *, takes: bool = True, settings: dict[int, int] | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        config = h2.config.H2Configuration(
            client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self.h2 = h2.connection.H2Connection(config)
        self.h2.local_settings.enable_push = 0
        self.h2.initiate_connection()
        if settings:
            self.h2.update_settings(settings)
        self.takes = takes
        self.answers: dict[int, Answer] = {}
        self.closed = False
        self.goaway: int | None = None
        self._unread = b""
        self.flush()

    def start(self, path: str = PREDICT, headers: Iterable[tuple[str, str]] = (), *, replaced: Any = None) -> int:
        """A stream whose headers were sent. replaced: those that stand instead of the usual ones; None: left out."""
        usual = {
            ":method": "POST",
            ":scheme": "http",
            ":path": path,
            ":authority": "localhost",
            "te": "trailers",
            "content-type": "application/grpc",
        }
        stream = self.h2.get_next_available_stream_id()
        sent = {name: value for name, value in (usual | (replaced or {})).items() if value is not None}
        self.h2.send_headers(stream, [*sent.items(), *headers])
        self.answers[stream] = Answer()
        self.flush()
        return stream

    def send(self, stream: int, data: bytes, *, end: bool = True) -> None:
        """Sends as much as the server's windows allow, and waits for more."""
        view = memoryview(data)
        while view:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(view))
            if room <= 0:
                self.read()
                if self.answers[stream].over or self.closed:
                    return
                continue
            self.h2.send_data(stream, bytes(view[:room]))
            view = view[room:]
            self.flush()
        if end:
            self.h2.end_stream(stream)
            self.flush()

    def ask(self, data: bytes, headers: Iterable[tuple[str, str]] = (), **options: Any) -> Answer:
        """A call with one message, framed already, to its end."""
        stream = self.start(headers=headers, **options)
        self.send(stream, data)
        return self.answer(stream)

    def answer(self, stream: int) -> Answer:
        """What has come when the stream, or the connection, is over."""
        end = time.monotonic() + PATIENCE
        while not self.answers[stream].over and not self.closed:
            assert time.monotonic() < end, "no end came"
            self.read()
        return self.answers[stream]

    def wait_closed(self) -> None:
        """Until the server has closed the connection, or said that it will."""
        end = time.monotonic() + PATIENCE
        while not self.closed and self.goaway is None:
            assert time.monotonic() < end, "the connection stays open"
            self.read()

    def read(self) -> None:
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionError:
            data = b""
        if not data:
            self.closed = True
            return
        for event in self.h2.receive_data(self._without_goaway(data)):
            self._happened(event)
        self.flush()

    def _without_goaway(self, data: bytes) -> bytes:
        """Whole frames alone; h2 would take nothing more behind a GOAWAY, but what runs is still answered."""
        data, whole = self._unread + data, b""
        while len(data) >= 9 and len(data) >= (size := 9 + int.from_bytes(data[:3], "big")):
            if data[3] == GOAWAY:
                self.goaway = int.from_bytes(data[13:17], "big")
            else:
                whole += data[:size]
            data = data[size:]
        self._unread = data
        return whole

    def _happened(self, event: Any) -> None:
        answer = self.answers.get(getattr(event, "stream_id", 0) or 0, Answer())
        match event:
            case h2.events.ResponseReceived():
                answer.headers = _texts(event.headers)
            case h2.events.TrailersReceived():
                answer.trailers = _texts(event.headers)
            case h2.events.DataReceived():
                answer.data += event.data
                if self.takes and event.flow_controlled_length:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                answer.ended = True
            case h2.events.StreamReset():
                answer.reset = int(event.error_code)

    def flush(self) -> None:
        data = self.h2.data_to_send()
        if data:
            self.raw(data)

    def raw(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except ConnectionError:
            self.closed = True

    def vanish(self) -> None:
        """Ends without a farewell."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __enter__(self) -> Http2:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def _texts(headers: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    def text(value: Any) -> str:
        return value.decode("latin-1") if isinstance(value, bytes) else str(value)

    return {text(name): text(value) for name, value in headers}
