"""One client with many calls at once, and one whose server goes and comes back, over REST and over gRPC."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import lightship
from lightship.errors import Unavailable
from lightship.server import Server


@pytest.fixture(params=["rest", "grpc"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def url_of(running: Server, transport: str) -> str:
    return running.rest_url if transport == "rest" else f"grpc://127.0.0.1:{running.grpc_port}"


@pytest.fixture
def server(half_plus_two: Path, transport: str) -> Iterator[str]:
    with lightship.serve(f"m={half_plus_two}", rest_port="auto", grpc_port="auto") as running:
        assert running.wait_ready(60)
        yield url_of(running, transport)


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """A port that nobody else gets while no server listens on it. A server may."""
    with socket.socket() as reserving:
        reserving.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserving.bind(("127.0.0.1", 0))
        yield reserving.getsockname()[1]


def test_a_client_serves_many_threads(server: str) -> None:
    def call(value: int) -> bool:
        return bool(client.predict("m", [[value]])["y"].tolist() == [[value / 2 + 2]])

    with lightship.Client(server) as client, ThreadPoolExecutor(16) as pool:
        assert all(pool.map(call, range(400)))


def test_an_asynchronous_client_has_many_calls_open(server: str) -> None:
    async def call() -> list[Any]:
        async with lightship.AsyncClient(server) as client:
            return await asyncio.gather(*(client.predict("m", [[value]]) for value in range(200)))

    answers = asyncio.run(call())
    assert [answer["y"].tolist() for answer in answers] == [[[value / 2 + 2]] for value in range(200)]


def test_a_server_that_goes_is_reported_and_found_again(half_plus_two: Path, transport: str) -> None:
    """By the same client, when another one listens at its address."""
    with contextlib.ExitStack() as stack:
        ports: dict[str, Any] = {name: stack.enter_context(reserved_port()) for name in ("rest_port", "grpc_port")}
        with lightship.serve(f"m={half_plus_two}", **ports) as running:
            assert running.wait_ready(60)
            client = stack.enter_context(lightship.Client(url_of(running, transport), retries=0))
            assert client.predict("m", [[2.0]])["y"].tolist() == [[3.0]]
        with pytest.raises(Unavailable):
            client.predict("m", [[2.0]])
        assert (client.ready(), client.live()) == (False, False)
        with lightship.serve(f"m={half_plus_two}", **ports) as running:
            assert running.wait_ready(60)
            deadline = time.monotonic() + 60
            while not client.ready():
                assert time.monotonic() < deadline
            assert client.predict("m", [[2.0]])["y"].tolist() == [[3.0]]
