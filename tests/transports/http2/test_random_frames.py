"""Random frames never break a connection's state: what they do is answered by a frame, or ends in GOAWAY."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import hpack
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.transports.http2.wire import PREFACE, REQUEST, Echo

from lightship.transports.connections import Connections
from lightship.transports.http2.connection import Http2Connection
from lightship.transports.http2.frames import frame
from lightship.transports.http2.options import Http2Limits, Http2Options, PingPolicy

PATHS = ["/echo", "/hold", "/large", "/early"]


class Transport:
    """Takes everything, and tells the connection at random that it must wait."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.closing = False

    def write(self, data: bytes) -> None:
        assert not self.closing
        self.written += data

    def get_extra_info(self, _: str) -> None:
        return None

    def set_write_buffer_limits(self, high: int) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def close(self) -> None:
        self.closing = True

    abort = close


class Sender:
    """Draws frames that are often valid."""

    def __init__(self, draw: random.Random) -> None:
        self.draw, self.encoder, self.next = draw, hpack.Encoder(), 1

    def frame(self) -> bytes:
        draw = self.draw
        if draw.random() < 0.1:
            return frame(
                draw.randrange(12), draw.randrange(256), draw.randrange(12), draw.randbytes(draw.randrange(20))
            )
        kind = draw.choices(range(10), [9, 9, 1, 3, 1, 0.1, 1, 0.2, 9, 1])[0]
        stream = draw.choice([max(1, self.next - 2), max(1, self.next - 4), 1, 0, self.next])
        match kind:
            case 0:
                return frame(0, draw.choice([0, 1, 1]), stream, draw.randbytes(draw.choice([0, 1, 100, 5000])))
            case 1:
                return self.headers()
            case 3:
                return frame(3, 0, stream, (8).to_bytes(4, "big"))
            case 4:
                key, value = draw.choice([(1, 0), (1, 4096), (4, draw.randrange(100_000)), (5, 16384), (9, 9)])
                return frame(4, 0, 0, key.to_bytes(2, "big") + value.to_bytes(4, "big"))
            case 6:
                return frame(6, draw.choice([0, 1]), 0, draw.choice([bytes(8), b"draining"]))
            case 8:
                return frame(8, 0, stream, draw.choice([0, 1, 70_000, 1 << 30]).to_bytes(4, "big"))
            case _:
                return frame(kind, 0, stream, draw.randbytes(draw.choice([0, 4, 5, 8])))

    def headers(self) -> bytes:
        draw = self.draw
        path = draw.choice(PATHS)
        fields = [*REQUEST[:2], (":path", path), *([("x", "y" * draw.randrange(50))] if draw.random() < 0.5 else [])]
        block = self.encoder.encode(fields)
        number, self.next = self.next, self.next + draw.choice([2, 2, 2, 4])
        if draw.random() < 0.2:
            cut = draw.randrange(len(block))
            return frame(1, draw.choice([0, 1]), number, block[:cut]) + frame(9, 4, number, block[cut:])
        return frame(1, 4 | draw.choice([0, 1]), number, block)


async def run(seed: int) -> None:
    draw = random.Random(seed)
    limits = Http2Limits(streams=20, stream_window=draw.choice([1000, 70_000]))
    connections: Connections[Http2Connection] = Connections()
    echo, transport, sender = Echo(), Transport(), Sender(draw)
    connection = Http2Connection(echo, Http2Options(limits, pings=PingPolicy(strikes=0)), connections)
    connection.connection_made(transport)  # type: ignore[arg-type]
    data = PREFACE + frame(4, 0, 0) + b"".join(sender.frame() for _ in range(draw.randrange(60)))
    while data and not transport.closing:
        size = draw.choice([1, 9, 10, 500, 10_000])
        connection.data_received(data[:size])
        data = data[size:]
        match draw.randrange(12):
            case 0:
                echo.release()
            case 1:
                connection.pause_writing()
            case 2:
                connection.resume_writing()
            case 3:
                connection.check(draw.choice([0.0, 1e9]) if draw.random() < 0.1 else 0.0)
            case 4:
                connection.drain() if draw.random() < 0.2 else None
        await asyncio.sleep(0)
        check(connection)
    connection.connection_lost(None)
    echo.release()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not len(connections)
    assert not connection.streams


def check(connection: Http2Connection) -> None:
    assert len(connection.streams) <= 20
    for number, stream in connection.streams.items():
        assert number == stream.id
        assert not stream.closed
        assert stream.pending_bytes == sum(map(len, stream.pending or ()))


def run_seed(seed: int) -> None:
    failures: list[Any] = []

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        await run(seed)

    asyncio.run(watched())
    assert not failures


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1 << 60))
def test_random_frames_leave_nothing_behind(seed: int) -> None:
    run_seed(seed)
