"""Whole servers whose models are on a real S3 server."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from tests.store.conftest import BUCKET, KEY, S3, SECRET

from lightship.bundle.manifest import MANIFEST_FILE
from lightship.errors import FailedPrecondition
from lightship.lifecycle import State
from lightship.server import Server, serve

DEADLINE = 60.0
Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def started(*models: str, **options: object) -> Server:
            chosen = {"store_poll_seconds": 0.2, "store_cache_dir": tmp_path / "cache", "settle_seconds": 0.1} | options
            server = serve(*models, rest_port="auto", empty_folder_grace=0, **chosen)  # type: ignore[arg-type]
            stack.callback(server.stop)
            return server

        yield started


def await_true(happened: Callable[[], object], told: Callable[[], object] = lambda: "") -> None:
    end = time.monotonic() + DEADLINE
    while not happened():
        assert time.monotonic() < end, told()
        time.sleep(0.05)


def loaded(server: Server, name: str = "half") -> list[int]:
    return [one.version for one in server.manager.versions(name) if one.state is State.AVAILABLE]


def await_loaded(server: Server, *versions: int, name: str = "half") -> None:
    await_true(lambda: loaded(server, name) == list(versions), lambda: server.manager.states())


def predict(server: Server, version: int | None = None) -> object:
    path = "/v1/models/half" if version is None else f"/v1/models/half/versions/{version}"
    return httpx2.post(f"{server.rest_url}{path}:predict", json={"instances": [1.0, 2.0]}, timeout=DEADLINE).json()


def notes(server: Server) -> str:
    return httpx2.get(f"{server.rest_url}/v1/models", timeout=DEADLINE).text


def test_versions_come_and_go_with_what_is_uploaded_and_deleted(s3: S3, version: Path, start: Start) -> None:
    s3.upload(version, "half/1")

    server = start(f"s3://{BUCKET}/half")
    assert predict(server) == {"predictions": [2.5, 3.0]}
    s3.upload(version, "half/2")
    await_loaded(server, 2)
    s3.remove("half/2")
    await_loaded(server, 1)
    s3.remove("half/1")
    await_loaded(server)


def test_an_upload_that_was_killed_is_not_served_and_says_what_is_missing(
    s3: S3, with_manifest: Path, start: Start
) -> None:
    s3.upload(with_manifest, "half/1")
    server = start(f"s3://{BUCKET}/half")
    s3.put(f"half/2/{MANIFEST_FILE}", (with_manifest / MANIFEST_FILE).read_bytes())
    s3.put("half/2/saved_model.pb", (with_manifest / "saved_model.pb").read_bytes())

    await_true(lambda: "it is still being uploaded to s3://models/half: variables/" in notes(server))
    assert loaded(server) == [1]
    s3.upload(with_manifest, "half/2")
    await_loaded(server, 2)


def test_an_object_with_another_content_than_the_manifest_says_is_refused(
    s3: S3, with_manifest: Path, start: Start
) -> None:
    s3.upload(with_manifest, "half/1")
    graph = (with_manifest / "saved_model.pb").read_bytes()
    s3.put("half/1/saved_model.pb", bytes(len(graph)))

    with pytest.raises(FailedPrecondition, match=r"saved_model.pb is not .*|saved_model.pb"):
        start(f"s3://{BUCKET}/half", timeout=DEADLINE)


def test_a_server_that_is_down_harms_nothing_loaded_and_a_start_serves_the_last_good_version(
    s3: S3, version: Path, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lightship")
    s3.upload(version, "half/1")
    server = start(f"s3://{BUCKET}/half")
    caplog.clear()  # a server of another test may have ended a moment ago
    s3.stop()

    await_true(lambda: "the store cannot be reached" in notes(server))
    assert predict(server) == {"predictions": [2.5, 3.0]}
    again = start(f"s3://{BUCKET}/half")
    assert predict(again) == {"predictions": [2.5, 3.0]}
    told = [one.getMessage() for one in caplog.records if "tried again with growing pauses" in one.getMessage()]
    assert set(Counter(told).values()) <= {1, 2}, "each reason once for each of the two servers"
    s3.start()
    s3.connect()
    s3.upload(version, "half/2")
    await_loaded(again, 2)
    await_loaded(server, 2)
    await_true(lambda: "cannot be reached" not in notes(server), lambda: notes(server))


def test_a_wrong_credential_is_named_and_not_printed(
    s3: S3, version: Path, start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    s3.upload(version, "half/1")
    httpx2.post(f"{s3.url}/moto-api/reset-auth", content=b"0", timeout=DEADLINE)

    try:
        with pytest.raises(FailedPrecondition) as caught:
            start(f"s3://{BUCKET}/half", timeout=DEADLINE)
    finally:
        httpx2.post(f"{s3.url}/moto-api/reset-auth", content=b"1000000", timeout=DEADLINE)
    text = caught.value.message + caplog.text
    assert "the store refused the credentials: InvalidAccessKeyId for s3://models/half" in caught.value.message
    assert SECRET not in text
    assert KEY not in caught.value.message


def test_a_bucket_that_does_not_exist_is_named(s3: S3, start: Start) -> None:
    with pytest.raises(FailedPrecondition, match="the store has no such bucket: NoSuchBucket for s3://absent/half"):
        start("s3://absent/half", timeout=DEADLINE)


def test_a_store_that_never_answers_holds_up_no_other_model(
    s3: S3, version: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    s3.upload(version, "half/1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("FSSPEC_GCS_ENDPOINT_URL", "")
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{silent.getsockname()[1]}")
        server = start("slow=gs://bucket/slow", f"s3://{BUCKET}/half", wait=False)

        await_loaded(server, 1)
        assert loaded(server, "slow") == []
        assert server._source is not None
        assert server._source.empty() == {}  # --strict must not take it for a model without versions


def test_workers_answer_from_the_same_copy(s3: S3, version: Path, start: Start, tmp_path: Path) -> None:
    s3.upload(version, "half/1")

    server = start(f"s3://{BUCKET}/half", workers=2)
    assert predict(server) == {"predictions": [2.5, 3.0]}
    assert len(list((tmp_path / "cache" / "entries").iterdir())) == 1


def test_the_command_waits_for_the_store_before_it_says_what_it_serves(s3: S3, version: Path, tmp_path: Path) -> None:
    s3.upload(version, "half/1")
    options = ["--store-poll-seconds", "0.2", "--settle-seconds", "0.1", "--store-cache-dir", str(tmp_path / "cache")]
    command = [sys.executable, "-m", "lightship", "serve", f"s3://{BUCKET}/half", "--rest-port", "auto", "--json"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            announced = json.loads(process.stdout.readline())
        finally:
            process.terminate()
    assert announced["ready"] is True
    assert [model["name"] for model in announced["models"]] == ["half"]
