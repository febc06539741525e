"""Errors name the variables of the environment that caused them."""

from __future__ import annotations

import socket

import pytest
from tests.client.conftest import Ask

from lightship import Client
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
