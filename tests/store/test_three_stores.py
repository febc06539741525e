"""Whole servers whose models are in S3 with checked keys, an emulator of Google Cloud Storage, and Azurite."""

from __future__ import annotations

import logging
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cache
from hashlib import md5
from pathlib import Path

import httpx2
import pytest
from tests.store.servers import AzureServer, GoogleServer, S3Server, StoreServer, running, secrets_of

from lightship.bundle.manifest import EXTRAS, Manifest, write_manifest
from lightship.errors import DeadlineExceeded, NotFound
from lightship.lifecycle import State
from lightship.server import Server, ServerOptions, parse_model_argument
from lightship.store import follower
from lightship.store.object_store import ObjectStore

DEADLINE = 120.0
KINDS: Mapping[str, Callable[[Path], StoreServer]] = {"s3": S3Server, "gs": GoogleServer, "az": AzureServer}
Start = Callable[..., Server]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], StoreServer]]:
    """Returns the server of a kind. All tests share it, because a start takes seconds. A test may leave it stopped."""
    with ExitStack() as stack:

        @cache
        def server_of(kind: str) -> StoreServer:
            return stack.enter_context(running(KINDS[kind](tmp_path_factory.mktemp("stores") / kind)))

        yield server_of


@pytest.fixture
def store(
    request: pytest.FixtureRequest, servers: Callable[[str], StoreServer], monkeypatch: pytest.MonkeyPatch
) -> StoreServer:
    """A server of the kind that the parameter names; the environment has its address and keys."""
    server = servers(request.param)
    if not server.runs:
        server.start()
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def bucket(store: StoreServer) -> str:
    """A bucket that is the test's own."""
    name = f"bucket-{uuid.uuid4().hex}"
    store.make_bucket(name)
    return name


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def started(url: str) -> Server:
            options = ServerOptions(
                [parse_model_argument(url)],
                rest_port="auto",
                empty_folder_grace=0,
                settle_seconds=0.1,
                store_poll_seconds=0.2,
                store_cache_dir=tmp_path / "cache",
            )
            return stack.enter_context(Server(options))

        yield started


@pytest.fixture
def version(half_plus_two: Path, tmp_path: Path) -> Path:
    """A version of y = 0.5 x + 2 with a manifest."""
    folder = tmp_path / "version"
    shutil.copytree(half_plus_two / "123", folder)
    (folder / EXTRAS).mkdir()
    write_manifest(folder, Manifest(created="2026-11-28T00:00:00Z", frameworks={}, files={}))
    return folder


def await_true(happened: Callable[[], object], told: Callable[[], object] = lambda: "") -> None:
    end = time.monotonic() + DEADLINE
    while not happened():
        assert time.monotonic() < end, told()
        time.sleep(0.05)


def await_loaded(server: Server, *versions: int) -> None:
    def loaded() -> list[int]:
        return [one.version for one in server.manager.versions("half") if one.state is State.AVAILABLE]

    await_true(lambda: loaded() == list(versions), server.manager.states)


def asked(server: Server, path: str) -> httpx2.Response:
    return httpx2.get(f"{server.rest_url}{path}", timeout=DEADLINE)


def predicted(server: Server) -> object:
    answer = httpx2.post(f"{server.rest_url}/v1/models/half:predict", json={"instances": [1.0, 2.0]}, timeout=60)
    return answer.json().get("predictions")


@pytest.mark.parametrize("store", KINDS, indirect=True)
def test_versions_are_served_as_they_come_and_go_and_while_the_store_is_down(
    store: StoreServer, bucket: str, version: Path, start: Start
) -> None:
    store.upload(version, f"{bucket}/models/half/1")
    server = start(f"{store.scheme}://{bucket}/models/half")
    server.require_ready(DEADLINE)
    assert predicted(server) == [2.5, 3.0]

    store.upload(version, f"{bucket}/models/half/2")
    await_loaded(server, 2)
    store.file_system().rm(f"{bucket}/models/half/2", recursive=True)
    await_loaded(server, 1)

    store.stop()
    await_true(lambda: "cannot be reached" in asked(server, "/v1/models").text)
    assert predicted(server) == [2.5, 3.0]
    assert asked(server, "/readyz").status_code == 200

    if store.scheme != "s3":  # that server forgets its objects
        store.start()
        store.upload(version, f"{bucket}/models/half/3")
        await_loaded(server, 3)


@pytest.mark.parametrize("store", ["s3", "az"], indirect=True)  # Google's emulator takes any credentials
def test_wrong_keys_are_named_and_not_printed(
    store: StoreServer,
    bucket: str,
    version: Path,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store.upload(version, f"{bucket}/half/1")
    right, wrong = store.environment(), store.environment(wrong_key=True)
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    caplog.set_level(logging.DEBUG, "lightship")
    url = f"{store.scheme}://{bucket}/half"
    server = start(url)

    await_true(lambda: "refused the credentials" in asked(server, "/readyz").text)
    shown = asked(server, "/readyz").text + asked(server, "/v1/models").text + caplog.text
    assert url in shown
    assert [text for text in secrets_of(wrong) if text in shown] == []

    for name, value in right.items():
        monkeypatch.setenv(name, value)
    await_loaded(server, 1)


@pytest.mark.parametrize("store", ["s3"], indirect=True)
def test_a_slow_store_is_waited_for(
    store: StoreServer, bucket: str, version: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = threading.Event()
    lose_patience = follower.Follower._lose_patience

    def lost(self: follower.Follower) -> None:
        lose_patience(self)
        told.set()

    monkeypatch.setattr(follower, "_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(follower.Follower, "_lose_patience", lost)
    store.upload(version, f"{bucket}/half/1")
    with store.paused():
        server = start(f"s3://{bucket}/half")
        assert told.wait(DEADLINE)
        with pytest.raises(DeadlineExceeded):
            server.require_ready(1)
    server.require_ready(DEADLINE)


@pytest.mark.parametrize("store", ["az"], indirect=True)
def test_objects_of_azure_that_stand_for_folders_hide_no_version(
    store: StoreServer, bucket: str, version: Path
) -> None:
    from azure.storage.blob import BlobServiceClient

    store.upload(version, f"{bucket}/half/1")
    store.upload(version, f"{bucket}/half-old/7")
    (connection,) = store.environment().values()
    with BlobServiceClient.from_connection_string(connection) as client:
        container = client.get_container_client(bucket)
        for name in ("half/", "half/1/", "half/1/variables/", "half/1"):
            container.upload_blob(name, b"")
        container.upload_blob("half/1/assets", b"", metadata={"hdi_isfolder": "true"})

    versions = ObjectStore(f"az://{bucket}/half").versions()
    listing = ObjectStore(f"az://{bucket}/half").listing(1, versions[1])
    assert versions == {1: f"{bucket}/half/1"}
    assert sorted(listing.objects) == sorted(
        f.relative_to(version).as_posix() for f in version.rglob("*") if f.is_file()
    )
    assert listing.objects["saved_model.pb"].md5 == md5((version / "saved_model.pb").read_bytes()).hexdigest()


@pytest.mark.parametrize("store", KINDS, indirect=True)
def test_a_bucket_that_does_not_exist_is_named(store: StoreServer) -> None:
    with pytest.raises(NotFound, match="the store has no such bucket"):
        ObjectStore(f"{store.scheme}://absent/half").versions()
