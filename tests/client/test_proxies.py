"""The proxies that the environment names for addresses."""

from __future__ import annotations

import socket

import pytest

from lightship import Client
from lightship.client.proxies import proxy_of
from lightship.errors import Unavailable

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "GRPC_PROXY", "NO_GRPC_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *map(str.lower, VARIABLES)):
        monkeypatch.delenv(name, raising=False)


def test_a_proxy_is_that_of_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_of("http://h.example") is None
    monkeypatch.setenv("ALL_PROXY", "http://all:1")
    monkeypatch.setenv("HTTPS_PROXY", "tls:2")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,::1,.internal,h.example:8500")
    assert proxy_of("http://h.example:8501") == "http://all:1"
    assert proxy_of("https://h.example") == "http://tls:2"
    assert proxy_of("http://[::1]") is proxy_of("http://[::1]:8501") is None
    assert proxy_of("http://me:secret@h.example:8500/path") is None
    assert proxy_of("http://127.0.0.1:8501") is None
    assert proxy_of("http://models.internal/path") is None


def test_grpc_takes_the_first_of_its_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://upper:1")
    assert proxy_of("grpc://h.example:8500") is None
    monkeypatch.setenv("http_proxy", "http://me:secret@lower:1")
    assert proxy_of("grpc://h.example:8500") == "http://lower:1"
    monkeypatch.setenv("grpc_proxy", "http://own:1")
    assert proxy_of("grpcs://h.example:8500") == "http://own:1"
    monkeypatch.setenv("no_proxy", "localhost, .example")
    assert proxy_of("grpc://h.example:8500") is None
    assert proxy_of("grpc+unix:///run/lightship.sock") is None


def test_a_client_over_grpc_names_the_proxy_that_it_cannot_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        with (
            Client("grpc://h.example:8500", retries=0) as client,
            pytest.raises(Unavailable, match=rf"the proxy http://127\.0\.0\.1:{port} .* no_proxy=h\.example "),
        ):
            client.status("dog")
