"""A real HTTP server that sends the replies that a test chooses, and records the requests that it receives."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lightship import AsyncClient, Client

Ask = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """`ask(url, method, *arguments, options={}, **keywords)`: one call by each of the twins."""
    return ask_sync if request.param == "sync" else ask_async


def ask_sync(url: str, method: str, /, *arguments: Any, options: dict[str, Any] | None = None, **keywords: Any) -> Any:
    with Client(url, **(options or {})) as client:
        return getattr(client, method)(*arguments, **keywords)


def ask_async(url: str, method: str, /, *arguments: Any, options: dict[str, Any] | None = None, **keywords: Any) -> Any:
    async def call() -> Any:
        async with AsyncClient(url, **(options or {})) as client:
            return await getattr(client, method)(*arguments, **keywords)

    return asyncio.run(call())


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int = 200
    body: bytes | str | dict[str, Any] = b""
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        if isinstance(self.body, dict):
            return json.dumps(self.body).encode()
        return self.body.encode() if isinstance(self.body, str) else self.body


@dataclass(slots=True)
class FakeServer:
    """`answer` gives the reply to each request; None closes the connection without a reply."""

    url: str
    answer: Callable[[ReceivedRequest], Reply | None] = lambda request: Reply(404)
    received: list[ReceivedRequest] = field(default_factory=list)

    def reply_with(self, *replies: Reply | None) -> None:
        """Sends these replies one after the other, and the last one again and again."""
        rest = list(replies)
        self.answer = lambda request: rest.pop(0) if len(rest) > 1 else rest[0]


@pytest.fixture
def fake_server() -> Iterator[FakeServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.fake = FakeServer(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.fake  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = ReceivedRequest(self.command, self.path, dict(self.headers), body)
        fake: FakeServer = self.server.fake  # type: ignore[attr-defined]
        fake.received.append(request)
        reply = fake.answer(request)
        if reply is None:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        encoded = reply.encoded()
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    do_GET = do_POST = respond

    def log_message(self, *arguments: object) -> None:
        """Tests are silent."""
