"""Errors name the variables of the environment that caused them."""

from __future__ import annotations

import asyncio
import socket

import pytest
from tests.client.conftest import Ask, FakeServer

from lightship import AsyncClient, Client
from lightship.errors import InvalidArgument, Unavailable

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *map(str.lower, VARIABLES)):
        monkeypatch.delenv(name, raising=False)


def test_a_proxy_that_cannot_be_reached_is_named(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        monkeypatch.setenv("HTTP_PROXY", f"http://me:secret@127.0.0.1:{port}")
        with pytest.raises(
            Unavailable, match=rf"the proxy http://127\.0\.0\.1:{port} .* NO_PROXY=h\.example "
        ) as raised:
            ask("http://h.example:8501", "status", "dog", options={"retries": 0})
    assert "secret" not in str(raised.value)


def test_a_proxy_that_makes_no_connection_is_named(
    fake_server: FakeServer, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for a tunnel, and knows no CONNECT."""
    monkeypatch.setenv("HTTPS_PROXY", fake_server.url)
    with pytest.raises(Unavailable, match="^no connection to https://h.example: .*; the environment names the proxy"):
        ask("https://h.example", "status", "dog", options={"retries": 0})


@pytest.mark.parametrize(
    ("name", "value", "address"),
    [
        ("HTTP_PROXY", "foo://h", "http://h.example"),
        ("ALL_PROXY", "http://[::1", "http://h.example"),
        ("SSL_CERT_FILE", "/not/there.pem", "https://h.example"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, address: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidArgument, match=f"in the environment cannot be .*{name}"):
        Client(address)


def test_a_variable_that_cannot_be_used_is_named_in_another_event_loop_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """There the client connects anew."""
    client = AsyncClient("http://h.example", retries=0)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(Unavailable):
        asyncio.run(client.status("dog"))
    monkeypatch.setenv("HTTP_PROXY", "foo://h")
    with pytest.raises(InvalidArgument, match="in the environment cannot be .*HTTP_PROXY"):
        asyncio.run(client.status("dog"))
