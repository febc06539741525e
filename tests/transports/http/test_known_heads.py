"""A request whose head came before is read without parsing, and means what it would mean if it were parsed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lightship.errors import LightshipError
from lightship.memory_budget import MemoryBudget
from lightship.transports.http.hosts import AllowedHosts
from lightship.transports.http.known_heads import _MAX_HEADS, KnownHeads
from lightship.transports.http.limits import Limits
from lightship.transports.http.messages import Request, Response
from lightship.transports.http.request_parser import RequestParser
from lightship.transports.http.request_reader import RequestReader


class App:
    limits, budget, hosts = Limits(json=100), MemoryBudget(1 << 20), AllowedHosts(["localhost"])

    def refuse(self, error: LightshipError) -> Response:
        return Response(400, error.message.encode())

    def refuse_early(self, request: Request, size: int) -> Response | None:
        return None


class Events:
    """Notes what a parser reports about the requests of one connection."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_request_complete(self, request: RequestReader) -> None:
        self.seen.append((request.keep_alive, request.http_1_1, request.expects_continue, request.request()[:4]))

    def on_request_refused(self, request: RequestReader) -> None:
        self.seen.append(request.response)

    def on_refused_request_ended(self, request: RequestReader) -> None:
        self.seen.append("ended")

    def on_request_begun(self) -> None: ...

    def on_head_complete(self, request: RequestReader) -> None: ...

    def on_body_received(self) -> None: ...


def parser_of(heads: KnownHeads | None = None) -> tuple[RequestParser, Events]:
    app: Any = App()
    events = Events()
    return RequestParser(app, events, heads or KnownHeads()), events


def post(body: bytes, headers: bytes = b"", version: bytes = b"1.1", host: bytes = b"localhost") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST /p HTTP/" + version + b"\r\nHost: " + host + b"\r\n" + headers + length + b"\r\n" + body


PLAIN = post(b"[1, 2]")
PIECES = [
    PLAIN,
    post(b"[3, 4]"),
    post(b"[5]"),
    post(b"\r\n\r\n[]"),
    post(b""),
    b"GET /g HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /g HTTP/1.1\r\nHost: elsewhere\r\n\r\n",
    post(b"[1, 2]", host=b"elsewhere"),
    post(b"x" * 101),
    post(b"[1, 2]", b"Connection: close\r\n"),
    post(b"[1, 2]", version=b"1.0"),
    post(b"[1, 2]", b"Connection: keep-alive\r\n", version=b"1.0"),
    post(b"[1, 2]", b"Expect: 100-continue\r\n"),
    post(b"[1, 2]", b"Connection: upgrade\r\nUpgrade: h2c\r\n"),
    b"CONNECT /c:1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n[]",
    b"POST /p HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\n\r\n",
    PLAIN + PLAIN,
    PLAIN[:-3],
    PLAIN[-3:],
    PLAIN[:40],
    PLAIN[40:],
    b"\r\n",
    b"\r\n" + PLAIN,
    b"POST /p HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nContent-Length: 6\r\n\r\n[1, 2]",
    b"nonsense\r\n\r\n",
]


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=8), min_size=1, max_size=4))
@example([[piece, piece, PLAIN, piece, PLAIN] for piece in PIECES])
@example([[PLAIN, piece, PLAIN, PLAIN[:40], PLAIN[40:], PLAIN] for piece in PIECES])
def test_a_known_head_changes_nothing(connections: list[list[bytes]]) -> None:
    heads = KnownHeads()
    for pieces in connections:
        (parser, events), (parsing, parsed) = parser_of(heads), parser_of()
        for piece in pieces:
            parser.take(piece)
            parsing.feed(piece)
            assert events.seen == parsed.seen
            assert parser.closed == parsing.closed


def test_a_head_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    heads = KnownHeads()
    parser_of(heads)[0].take(PLAIN)
    parser, events = parser_of(heads)
    monkeypatch.setattr(parser, "_http", None)
    parser.take(post(b"[8, 9]"))
    (_, _, _, request) = events.seen[0]
    assert request[2] == b"[8, 9]"


def test_clients_that_invent_heads_take_little_memory() -> None:
    heads = KnownHeads()
    parser, _ = parser_of(heads)
    for number in range(2 * _MAX_HEADS):
        parser.take(post(b"[]", b"X: %d\r\n" % number))
    assert len(heads._heads) <= _MAX_HEADS
