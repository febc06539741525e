"""A server whose application answers each stream with the bytes that it was sent, and a client that sends any frame."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import hpack
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, PingFrame, RstStreamFrame, SettingsFrame

from lightship.memory_budget import MemoryBudget
from lightship.transports.connections import Connections
from lightship.transports.http2.frames import ErrorCode, Setting, frame
from lightship.transports.http2.headers import encode_headers
from lightship.transports.http2.options import Http2Options
from lightship.transports.http2.server import Http2Server
from lightship.transports.http2.stream import Block, Stream
from lightship.transports.sockets import listen

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 0x20
REQUEST = [(":method", "POST"), (":scheme", "http"), (":path", "/echo"), (":authority", "localhost")]
HEAD, TRAILERS = Block(b"\x88"), Block(encode_headers([(b"the", b"end")]))
PATIENCE = 20.0


class Echo:
    """An application, and the handler of each of its streams. Paths: /hold answers when it is told to, /large sends
    a million bytes, /early answers before the body has come."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.budget = MemoryBudget(1 << 30)
        self.held: list[EchoStream] = []
        self.opened = self.closed = self.stalled = 0

    def on_refused(self, connection: Any, head: Any, code: Any) -> None: ...

    def open(self, stream: Stream, ended: bool) -> EchoStream:
        self.opened += 1
        handler = EchoStream(self, stream)
        if stream.head.path == b"/early":
            stream.respond(HEAD, b"", TRAILERS)
        elif ended:
            handler.on_data(b"", True)
        return handler

    def release(self) -> None:
        """Answers what is held. Any thread may call this."""

        def answer() -> None:
            for one in self.held:
                one.answer()
            self.held.clear()

        self.loop.call_soon_threadsafe(answer)


class EchoStream:
    def __init__(self, echo: Echo, stream: Stream) -> None:
        self.echo, self.stream, self.body = echo, stream, bytearray()

    def on_data(self, data: bytes, ended: bool) -> None:
        self.body += data
        if not ended:
            return
        if self.stream.head.path == b"/hold":
            self.echo.held.append(self)
        else:
            self.answer()

    def answer(self) -> None:
        body = bytes(1_000_000) if self.stream.head.path == b"/large" else bytes(self.body)
        self.stream.respond(HEAD, body, TRAILERS)
        self.stream.output.flush_soon()

    def on_stalled(self, *, crowded: bool = False) -> None:
        self.echo.stalled += 1
        self.stream.reset(ErrorCode.CANCEL)

    def on_closed(self) -> None:
        self.echo.closed += 1


class EchoServer:
    """Serves `Echo` on a thread of its own."""

    echo: Echo
    server: Http2Server
    loop: asyncio.AbstractEventLoop

    def __init__(self, options: Http2Options, most: int, encryption: ssl.SSLContext | None) -> None:
        self.most, self.encryption = most, encryption
        self.listening = listen("127.0.0.1", "auto")
        self.port: int = self.listening.getsockname()[1]
        self.options = options
        self._started, self._end = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self.thread.start()
        assert self._started.wait(PATIENCE)

    async def _serve(self) -> None:
        self.loop, self.echo = asyncio.get_running_loop(), Echo()
        self._stop = asyncio.Event()
        self.server = Http2Server(self.echo, [self.listening], self.options, self.encryption, Connections(self.most))
        await self.server.start()
        self._started.set()
        await self._stop.wait()
        await self.server.drain(time.monotonic() + PATIENCE)
        await self.server.abort()

    def drain(self) -> None:
        with suppress(RuntimeError):  # the loop has ended, if the test has drained it
            self.loop.call_soon_threadsafe(self._stop.set)

    def close(self) -> None:
        self.drain()
        self.thread.join(2 * PATIENCE)
        assert not self.thread.is_alive()


@contextmanager
def echo_server(
    options: Http2Options | None = None, most: int = 0, encryption: ssl.SSLContext | None = None
) -> Iterator[EchoServer]:
    """most: the most open connections; 0 for any number."""
    server = EchoServer(options or Http2Options(), most, encryption)
    try:
        yield server
    finally:
        server.close()


class Client:
    """A connection on which any bytes can be sent. `frames` holds what came."""

    def __init__(self, port: int, *, hello: bool = True, settings: bytes = b"") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.frames: list[Frame] = []
        self.closed = False
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self._rest = b""
        if hello:
            self.send(PREFACE + frame(SETTINGS, 0, 0, settings))

    def send(self, data: bytes) -> None:
        with suppress(ConnectionError):  # who reads finds what the server said before it closed, and then the end
            self.socket.sendall(data)

    def headers(self, stream: int, fields: Any = REQUEST, *, end: bool = True, flags: int = END_HEADERS) -> bytes:
        block = self.encoder.encode(fields)
        self.send(frame(HEADERS, flags | end, stream, block))
        return bytes(block)

    def data(self, stream: int, data: bytes = b"", *, end: bool = True) -> None:
        self.send(frame(DATA, int(end), stream, data))

    def until(self, condition: Callable[[], bool]) -> None:
        """Reads until the condition holds, or the connection is closed."""
        end = time.monotonic() + PATIENCE
        while not condition():
            if self.closed:
                return
            assert time.monotonic() < end, self.frames
            self.read()

    def read(self) -> None:
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionError:
            data = b""
        self.closed = not data
        data = self._rest + data
        while len(data) >= 9:
            one, length = Frame.parse_frame_header(memoryview(data[:9]))
            if len(data) < 9 + length:
                break
            one.parse_body(memoryview(data[9 : 9 + length]))
            if isinstance(one, HeadersFrame):
                one.fields = dict(self.decoder.decode(one.data))
            self.frames.append(one)
            data = data[9 + length :]
        self._rest = data

    def of(self, kind: type[Any], stream: int | None = None) -> list[Any]:
        return [one for one in self.frames if isinstance(one, kind) and stream in (None, one.stream_id)]

    def ended(self, stream: int) -> bool:
        return any("END_STREAM" in one.flags for one in self.frames if one.stream_id == stream)

    def answer(self, stream: int) -> bytes:
        """The body of the answer on a stream, which must have headers and trailers."""
        self.until(lambda: self.ended(stream) or bool(self.of(RstStreamFrame, stream)))
        first, *_, last = self.of(HeadersFrame, stream)
        assert (first.fields[":status"], last.fields) == ("200", {"the": "end"})
        return b"".join(bytes(one.data) for one in self.of(DataFrame, stream))

    def reset(self, stream: int) -> ErrorCode:
        """The code with which a stream was reset."""
        self.until(lambda: bool(self.of(RstStreamFrame, stream)) or bool(self.of(GoAwayFrame)))
        (found,) = self.of(RstStreamFrame, stream)
        return ErrorCode(found.error_code)

    def goaway(self) -> ErrorCode:
        """The code with which the connection has ended."""
        self.until(lambda: bool(self.of(GoAwayFrame)))
        found = self.of(GoAwayFrame)[-1]
        return ErrorCode(found.error_code)

    def ping(self, payload: bytes = b"01234567") -> None:
        """Waits until the server has read all that was sent before."""
        self.send(frame(PING, 0, 0, payload))
        self.until(lambda: any(one.opaque_data == payload for one in self.of(PingFrame)))

    def settings_of_server(self) -> dict[int, int]:
        self.until(lambda: bool(self.of(SettingsFrame)))
        return dict(self.of(SettingsFrame)[0].settings)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def setting(key: Setting, value: int) -> bytes:
    return key.to_bytes(2, "big") + value.to_bytes(4, "big")
