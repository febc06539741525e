"""Connections: when they end, and to which event loop they belong."""

from __future__ import annotations

import asyncio
import gc

import pytest
from tests.client.conftest import FakeServer, Reply

from lightship import AsyncClient, Client
from lightship.errors import Cancelled, FailedPrecondition


@pytest.fixture
def server(fake_server: FakeServer) -> FakeServer:
    fake_server.reply_with(Reply(body={"model_version_status": []}))
    return fake_server


def test_a_closed_client_says_so(server: FakeServer) -> None:
    client, twin = Client(server.url), AsyncClient(server.url)
    client.close()
    asyncio.run(twin.close())
    with pytest.raises(Cancelled, match="the client is closed: make a new one"):
        client.status("m")
    with pytest.raises(Cancelled, match="the client is closed: make a new one"):
        asyncio.run(twin.status("m"))
    assert server.received == []


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_an_asynchronous_client_goes_on_in_the_next_event_loop(server: FakeServer) -> None:
    """The connections of a loop that was closed without the client are closed by the garbage collector."""
    client = AsyncClient(server.url)
    for _ in range(3):
        assert asyncio.run(client.status("m")) == ()
    asyncio.run(client.close())
    assert len(server.received) == 3
    del client
    gc.collect()  # here, where the warnings are expected


def test_an_asynchronous_client_is_not_for_two_event_loops_at_once(server: FakeServer) -> None:
    async def call() -> None:
        async with AsyncClient(server.url) as client:
            await client.status("m")
            with pytest.raises(FailedPrecondition, match="make one for each loop"):
                await asyncio.to_thread(asyncio.run, client.status("m"))
            await client.status("m")

    asyncio.run(call())
    assert len(server.received) == 2
