"""Sends bytes on a connection and says what came back, without expecting anything of the server."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import NamedTuple

CLOSED, TIMEOUT, NO_CONNECTION = "closed", "timeout", "no connection"


class Answer(NamedTuple):
    """status: as text, or one of the words above where none came."""

    status: str
    body: bytes = b""


def connect(port: int, timeout: float) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def ask(port: int, request: bytes, timeout: float) -> Answer:
    """The first answer to a request, on a connection of its own."""
    end = time.monotonic() + timeout
    try:
        with connect(port, timeout) as connection:
            with suppress(ConnectionError):  # the server may have answered before all was sent
                connection.sendall(request)
            return answer_of(connection, end)
    except TimeoutError:
        return Answer(TIMEOUT)
    except OSError:
        return Answer(NO_CONNECTION)


def answer_of(connection: socket.socket, end: float) -> Answer:
    """Reads an answer to its end. end: on the monotonic clock."""
    received = bytearray()
    body = missing = 1
    try:
        while missing > 0:
            connection.settimeout(max(0.001, end - time.monotonic()))
            data = connection.recv(1 << 20)
            if not data:
                return Answer(CLOSED)
            received += data
            body, missing = _missing(received)
    except TimeoutError:
        return Answer(TIMEOUT)
    except OSError:
        return Answer(CLOSED)
    return Answer(received[9:12].decode(), bytes(received[body:]))


def _missing(received: bytearray) -> tuple[int, int]:
    """Where the body begins, and how many bytes are missing at least."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return 0, 1
    lines = received[:end].lower().split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
    return end + 4, end + 4 + length - len(received)
