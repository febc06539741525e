"""A load of one fixed HTTP request over keep-alive connections, cheap enough to leave the cores to the server."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Load:
    """What `connections` clients saw in one interval, each sending as soon as it was answered."""

    seconds: float
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        return sorted(self.latencies)[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


def request_bytes(path: str, body: bytes, content_type: str = "application/json") -> bytes:
    headers = f"Host: localhost\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}"
    return f"POST {path} HTTP/1.1\r\n{headers}\r\n\r\n".encode() + body


def run(port: int, request: bytes, connections: int, seconds: float) -> Load:
    load = Load(seconds)
    end = time.perf_counter() + seconds
    clients = [threading.Thread(target=_client, args=(port, request, end, load.latencies)) for _ in range(connections)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return load


def ask(connection: socket.socket, request: bytes) -> bytes:
    """Sends one request and returns the body of its answer, which must be a 200."""
    connection.sendall(request)
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError((head + body).decode(errors="replace")[:500])
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += _some(connection)
    return body


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionError("the server closed the connection")
    return data


def _client(port: int, request: bytes, end: float, latencies: list[float]) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        while (start := time.perf_counter()) < end:
            ask(connection, request)
            latencies.append(time.perf_counter() - start)
