"""A server for code that was written for TensorFlow Serving: of each kind, by TLS, and by mutual TLS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.npm_packages import installed
from tests.server.certificates import Pair, issue, make_authority

from lightship.server import serve
from lightship.server.config.tls import read_tls
from lightship.transports.grpc.options import GrpcOptions

GRPC_JS = Path(__file__).parent / "grpc_js"


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
    options = GrpcOptions(tls=tls)
    server = serve(half_plus_two, rest_port=0, grpc_port="auto", grpc=options, reload_root=Path("/"))
    with server:
        assert server.wait_ready(60)
        yield Served(f"localhost:{server.grpc_port}", half_plus_two, tuple(map(str, needed)))


@pytest.fixture(scope="session")
def modules() -> Path:
    """A folder with the locked packages in its `node_modules`."""
    return installed(GRPC_JS)
