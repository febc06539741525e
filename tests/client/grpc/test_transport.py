"""Channels: when they end, and to which event loop they belong."""

from __future__ import annotations

import asyncio
import threading

import pytest
from tests.client.grpc.conftest import FakeServer

from lightship import AsyncClient, Client
from lightship.errors import Cancelled, FailedPrecondition


def test_a_closed_client_says_so(fake_server: FakeServer) -> None:
    client, twin = Client(fake_server.url), AsyncClient(fake_server.url)
    client.close()
    asyncio.run(twin.close())
    with pytest.raises(Cancelled, match="the client is closed"):
        client.status("m")
    with pytest.raises(Cancelled, match="the client is closed"):
        asyncio.run(twin.status("m"))
    assert fake_server.received == []


def test_an_asynchronous_client_goes_on_in_the_next_event_loop(fake_server: FakeServer) -> None:
    client = AsyncClient(fake_server.url)
    for _ in range(3):
        assert asyncio.run(client.status("m")) == ()
    asyncio.run(client.close())
    assert fake_server.methods == ["GetModelStatus"] * 3


def test_an_asynchronous_client_is_not_for_two_event_loops_at_once(fake_server: FakeServer) -> None:
    async def call() -> None:
        async with AsyncClient(fake_server.url) as client:
            await client.status("m")
            elsewhere = asyncio.to_thread(asyncio.run, client.status("m"))
            with pytest.raises(FailedPrecondition, match="one for each loop"):
                await elsewhere
            await client.status("m")

    asyncio.run(call())
    assert len(fake_server.received) == 2


def test_calls_that_wait_end_when_the_client_is_closed(fake_server: FakeServer) -> None:
    requested, answered = threading.Event(), threading.Event()

    def wait(_: object) -> bytes:
        requested.set()
        answered.wait(30)
        return b""

    def ask() -> None:
        with pytest.raises(Cancelled):
            client.status("m")
        ended.set()

    fake_server.answer = wait
    client, ended = Client(fake_server.url), threading.Event()
    thread = threading.Thread(target=ask)
    thread.start()
    assert requested.wait(30)
    client.close()
    assert ended.wait(30)
    answered.set()
    thread.join(30)
