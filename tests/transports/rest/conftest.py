"""One real server for the folder's tests, and connections to it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from lightship.server import Server, serve
from lightship.transports.http.limits import Limits

Raw = Callable[..., bytes]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: httpx2.Headers
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json["error"])


Ask = Callable[..., Answer]


@pytest.fixture(scope="module")
def server(half_plus_two: Path) -> Iterator[Server]:
    with serve(f"m={half_plus_two}", rest_port="auto", limits=Limits(image=1 << 20, json=8 << 20)) as running:
        assert running.wait_ready(60)
        yield running


@pytest.fixture(scope="module")
def ask(server: Server) -> Iterator[Ask]:
    with httpx2.Client(base_url=server.rest_url, timeout=60) as http:

        def asked(method: str, target: str, body: bytes | str = b"", **headers: str) -> Answer:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            answer = http.request(method, target, content=body, headers=named)
            return Answer(answer.status_code, answer.headers, answer.content)

        yield asked


@pytest.fixture
def raw(server: Server) -> Raw:
    """Sends bytes on a connection of its own and returns all that comes until the server closes it."""

    def exchange(*pieces: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) as connection:
            for piece in pieces:
                connection.sendall(piece)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    return exchange
