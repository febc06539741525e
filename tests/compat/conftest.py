"""A server for code that was written for TensorFlow Serving: plain, by TLS and by mutual TLS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.server.certificates import Pair, issue, make_authority

from lightship.server import serve
from lightship.server.grpc_options import GrpcOptions, read_tls


@dataclass(frozen=True, slots=True)
class Keys:
    authority: Pair
    server: Pair
    client: Pair


@dataclass(frozen=True, slots=True)
class Served:
    """keys: PEM files that a client of it needs, in order: authority, its certificate, its key."""

    address: str
    folder: Path
    keys: tuple[str, ...]


Serve = Callable[[str], Served]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    folder = tmp_path_factory.mktemp("keys")
    authority = make_authority(folder, "authority")
    return Keys(authority, issue(authority, folder, "server"), issue(authority, folder, "client"))


@pytest.fixture(scope="module", params=["plain", "tls", "mutual"])
def served(request: pytest.FixtureRequest, half_plus_two: Path, keys: Keys) -> Iterator[Served]:
    tls, needed = None, ()
    if request.param == "tls":
        tls, needed = read_tls(keys.server.certificate, keys.server.key), (keys.authority.certificate,)
    if request.param == "mutual":
        tls = read_tls(keys.server.certificate, keys.server.key, keys.authority.certificate)
        needed = (keys.authority.certificate, keys.client.certificate, keys.client.key)
    server = serve(half_plus_two, rest_port=0, grpc_port="auto", grpc=GrpcOptions(tls=tls, reflection=True))
    with server:
        assert server.wait_ready(60)
        yield Served(f"localhost:{server.grpc_port}", half_plus_two, tuple(map(str, needed)))
