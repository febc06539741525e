"""What a server keeps: resident memory before and after many small requests, and after bodies of 100 MB.

Usage: python -m benchmarks.memory [--small 100000] [--large 50] [--megabytes 100]
"""

from __future__ import annotations

import argparse
import socket
import time

from benchmarks.load import request_bytes
from fuzz.models import made
from fuzz.target import Target, started

PATH = "/v1/models/half_plus_two:predict"
_SETTLE = 4.0  # seconds; the server gives memory back a while after large requests


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=50)
    parser.add_argument("--megabytes", type=int, default=100)
    options = parser.parse_args()
    small = request_bytes(PATH, b'{"instances": [[1.0], [2.0], [5.0]]}')
    large = request_bytes(PATH, body_of(options.megabytes))
    with started(made()) as target:
        send(target, small, 100)
        before = report(target, "ready", None)
        before = report(target, f"{options.small} small requests, {send(target, small, options.small):.1f} s", before)
        for title, count in (("the first", 1), (f"{options.large - 1} more", options.large - 1)):
            seconds = send(target, large, count)
            before = report(target, f"{title} of {options.megabytes} MB, {seconds:.1f} s", before)


def body_of(megabytes: int) -> bytes:
    return b'{"instances": [' + b"1.25," * (megabytes * 200_000 - 4) + b"1.25]}"


def send(target: Target, request: bytes, count: int) -> float:
    """Seconds that one connection took for so many requests, each answered with 200."""
    start = time.perf_counter()
    with socket.create_connection(("127.0.0.1", target.port), timeout=120) as connection:
        for _ in range(count):
            connection.sendall(request)
            _take_answer(connection)
    return time.perf_counter() - start


def _take_answer(connection: socket.socket) -> None:
    """Reads one answer and drops it: keeping 100 MB would take longer than the server needs."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError((head + body).decode(errors="replace")[:500])
    left = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    left -= len(body)
    while left > 0:
        left -= len(_some(connection))


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(1 << 20)
    if not data:
        raise ConnectionError("the server closed the connection")
    return data


def report(target: Target, title: str, before: float | None) -> float:
    resident = target.settled_megabytes(0.0, _SETTLE)
    difference = "" if before is None else f"  {resident - before:+.1f} MB"
    print(f"{title:45} {resident:7.1f} MB{difference}", flush=True)
    return resident


if __name__ == "__main__":
    main()
