"""Whom a client trusts, and what it shows of itself, over both transports."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.client.conftest import Ask, FakeServer, Handler, Reply
from tests.server.certificates import Pair, encrypted, issue, make_authority

import lightship
from lightship.client import Tls
from lightship.errors import InvalidArgument, NotFound, Unavailable
from lightship.server.config.tls import read_tls
from lightship.transports.grpc.options import GrpcOptions

STATUS = Reply(body={"model_version_status": [{"version": "123", "state": "AVAILABLE", "status": {}}]})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Pair:
    return make_authority(folder, "authority")


@pytest.fixture(scope="module")
def server_pair(authority: Pair, folder: Path) -> Pair:
    return issue(authority, folder, "server")


@pytest.fixture(scope="module")
def client_pair(authority: Pair, folder: Path) -> Pair:
    return issue(authority, folder, "client")


@pytest.fixture(scope="module")
def other(folder: Path) -> Pair:
    return make_authority(folder, "other")


@pytest.fixture(scope="module", params=["rest", "grpc"])
def url(request: pytest.FixtureRequest, authority: Pair, server_pair: Pair, half_plus_two: Path) -> Iterator[str]:
    """A server that asks for a certificate of the authority."""
    serving = over_grpc if request.param == "grpc" else over_rest
    yield from serving(authority, server_pair, half_plus_two)


def over_grpc(authority: Pair, pair: Pair, model: Path) -> Iterator[str]:
    tls = read_tls(pair.certificate, pair.key, authority.certificate)
    with lightship.serve(f"m={model}", rest_port=0, grpc_port="auto", grpc=GrpcOptions(tls=tls)) as server:
        assert server.wait_ready(60)
        yield f"grpcs://localhost:{server.grpc_port}"


def over_rest(authority: Pair, pair: Pair, model: Path) -> Iterator[str]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.certificate)
    context.load_cert_chain(pair.certificate, pair.key)
    context.verify_mode = ssl.CERT_REQUIRED
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        server.socket = context.wrap_socket(server.socket, server_side=True)
        fake = FakeServer(f"https://localhost:{server.server_port}", lambda request: STATUS)
        server.fake = fake  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield fake.url
        server.shutdown()
        thread.join()


def test_both_sides_know_each_other(ask: Ask, url: str, authority: Pair, client_pair: Pair) -> None:
    tls = Tls(authority.certificate, client_pair.certificate, client_pair.key)
    (status,) = ask(url, "status", "m", options={"tls": tls})
    assert (status.version, status.state) == (123, "AVAILABLE")


def test_a_client_without_a_certificate_is_refused(ask: Ask, url: str, authority: Pair) -> None:
    with pytest.raises(Unavailable):
        ask(url, "status", "m", options={"tls": Tls(authority.certificate), "retries": 0})


def test_a_server_that_is_not_trusted_is_not_asked(ask: Ask, url: str, other: Pair, client_pair: Pair) -> None:
    for ca in (None, other.certificate):
        tls = Tls(ca, client_pair.certificate, client_pair.key)
        with pytest.raises(Unavailable, match="no connection to"):
            ask(url, "status", "m", options={"tls": tls, "retries": 0})


def test_without_tls_it_says_what_to_write(ask: Ask, authority: Pair, server_pair: Pair, half_plus_two: Path) -> None:
    for url in over_grpc(authority, server_pair, half_plus_two):
        with pytest.raises(Unavailable, match="grpcs://"):
            ask(url.replace("grpcs", "grpc"), "status", "m", options={"retries": 0})


def test_with_tls_where_there_is_none_it_says_what_to_write(ask: Ask, half_plus_two: Path) -> None:
    server = lightship.serve(f"m={half_plus_two}", rest_port=0, grpc_port="auto")
    with server, pytest.raises(Unavailable, match="does not speak TLS: write grpc://"):
        ask(f"grpcs://localhost:{server.grpc_port}", "status", "m", options={"retries": 0})


def test_files_that_cannot_be_used_are_named(
    ask: Ask, url: str, authority: Pair, client_pair: Pair, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    with pytest.raises(NotFound, match="missing.pem"):
        ask(url, "status", "m", options={"tls": Tls(tmp_path / "missing.pem")})
    with pytest.raises(InvalidArgument, match="empty.pem is not a PEM file"):
        ask(url, "status", "m", options={"tls": Tls(empty)})
    with pytest.raises(InvalidArgument, match="certificates cannot be used.*belong together"):
        ask(url, "status", "m", options={"tls": Tls(authority.certificate, authority.certificate, client_pair.key)})
    with pytest.raises(InvalidArgument, match="encrypted.*openssl pkey"):
        ask(url, "status", "m", options={"tls": Tls(None, client_pair.certificate, encrypted(client_pair, tmp_path))})
    with pytest.raises(InvalidArgument, match="give both"):
        Tls(authority.certificate, certificate=authority.certificate)


def test_a_unix_socket_is_asked(ask: Ask, half_plus_two: Path, tmp_path: Path) -> None:
    path = tmp_path / "serving.sock"
    options = replace(GrpcOptions(), socket_path=str(path))
    with lightship.serve(f"m={half_plus_two}", rest_port=0, grpc_port=0, grpc=options) as server:
        assert server.wait_ready(60)
        assert ask(f"grpc+unix://{path}", "predict", "m", [[2.0]])["y"].tolist() == [[3.0]]
