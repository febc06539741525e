"""A real HTTP server that answers what a test tells it, and remembers what it was asked."""

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


def ask_sync(url: str, method: str, *arguments: Any, options: dict[str, Any] | None = None, **keywords: Any) -> Any:
    with Client(url, **(options or {})) as client:
        return getattr(client, method)(*arguments, **keywords)


def ask_async(url: str, method: str, *arguments: Any, options: dict[str, Any] | None = None, **keywords: Any) -> Any:
    async def asked() -> Any:
        async with AsyncClient(url, **(options or {})) as client:
            return await getattr(client, method)(*arguments, **keywords)

    return asyncio.run(asked())


@dataclass(frozen=True, slots=True)
class Asked:
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
class Scripted:
    """`answer` decides what each request gets; None hangs up on it."""

    url: str
    answer: Callable[[Asked], Reply | None] = lambda asked: Reply(404)
    asked: list[Asked] = field(default_factory=list)

    def says(self, *replies: Reply | None) -> None:
        """These answers one after the other, the last one for ever."""
        rest = list(replies)
        self.answer = lambda asked: rest.pop(0) if len(rest) > 1 else rest[0]


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.script = Scripted(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.script  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = Asked(self.command, self.path, dict(self.headers), body)
        script: Scripted = self.server.script  # type: ignore[attr-defined]
        script.asked.append(asked)
        reply = script.answer(asked)
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
