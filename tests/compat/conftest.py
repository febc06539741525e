"""A server for code that was written for TensorFlow Serving: of each kind, by TLS, and by mutual TLS."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.programs import program
from tests.server.certificates import Pair, issue, make_authority

from lightship.server import serve
from lightship.server.config.tls import read_tls
from lightship.transports.grpc.options import GrpcOptions

GRPC_JS = Path(__file__).parent / "grpc_js"
CACHE = Path(__file__).parents[2] / ".cache" / "grpc_js"


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
    """A folder with the locked packages in its `node_modules`; it is kept, and made anew when the lock changes."""
    lock = GRPC_JS / "package-lock.json"
    folder = CACHE / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    if not (folder / "installed").exists():
        npm = program("npm")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in (lock, GRPC_JS / "package.json"):
            shutil.copy(file, folder)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
        if done.returncode != 0 and not os.environ.get("CI"):
            pytest.skip(f"npm could not install what the test needs: {done.stderr}")
        assert done.returncode == 0, done.stderr
        (folder / "installed").touch()
    return folder
