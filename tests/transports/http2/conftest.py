from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.transports.http2.wire import Client, EchoServer, echo_server

from lightship.transports.http2.options import Http2Options, PingPolicy


@pytest.fixture(scope="module")
def server() -> Iterator[EchoServer]:
    with echo_server(Http2Options(pings=PingPolicy(strikes=0))) as running:
        yield running


@pytest.fixture
def client(server: EchoServer) -> Iterator[Client]:
    """A connection whose fault must not harm the next one."""
    with Client(server.port) as opened:
        yield opened
    with Client(server.port) as other:
        other.headers(1, end=False)
        other.data(1, b"still there")
        assert other.answer(1) == b"still there"
