"""A new version takes over while clients ask without pause; a broken one never answers."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.end_to_end.conftest import Serve

from lightship import Client


@pytest.fixture
def models(tmp_path: Path, dog_bundle: Path) -> Path:
    shutil.copytree(dog_bundle, tmp_path / "dog")
    return tmp_path / "dog"


def arrive(version: Path, folder: Path, number: int) -> Path:
    """Puts a copy of `version` into `folder` in one step, as an export does."""
    hidden = folder / f".arriving-{number}"
    shutil.copytree(version, hidden)
    return hidden.rename(folder / str(number))


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        threading.Event().wait(0.02)


@contextmanager
def asking(url: str, photo: bytes, clients: int = 4) -> Iterator[list[tuple[int, str]]]:
    """Clients that ask without pause; yields what they saw as (HTTP status, version)."""
    seen: list[tuple[int, str]] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx2.Client(base_url=url, timeout=60) as http:
            while not stop.is_set():
                answer = http.post("/v1/models/dog:predict", content=photo, headers={"Content-Type": "image/jpeg"})
                seen.append((answer.status_code, answer.headers["Lightship-Model-Version"]))

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


def test_a_new_version_takes_over_and_no_request_fails(serve: Serve, models: Path, dog_photo: Path) -> None:
    server = serve(str(models))
    with asking(server.url, dog_photo.read_bytes()) as seen:
        wait_until(lambda: len(seen) > 50)
        arrive(models / "1", models, 2)
        wait_until(lambda: (200, "2") in seen)
        taken_over = len(seen)
        wait_until(lambda: len(seen) > taken_over + 200)
    assert {status for status, _ in seen} == {200}
    assert {version for _, version in seen[-20:]} == {"2"}


def test_a_truncated_version_never_answers_and_says_why(serve: Serve, models: Path, dog_photo: Path) -> None:
    server = serve(str(models))
    broken = models / ".arriving-2"
    shutil.copytree(models / "1", broken)
    weights = next((broken / "variables").glob("*.data-*"))
    with weights.open("r+b") as file:
        file.truncate(weights.stat().st_size // 2)
    with asking(server.url, dog_photo.read_bytes()) as seen, Client(server.url) as client:
        broken.rename(models / "2")
        wait_until(lambda: any(version.state == "END" for version in client.status("dog")))
        wait_until(lambda: len(seen) > 50)
        (failed,) = [version for version in client.status("dog") if version.version == 2]
    assert set(seen) == {(200, "1")}
    assert weights.name in failed.error_message


def test_changed_weights_never_answer_until_they_are_mended(serve: Serve, models: Path, dog_photo: Path) -> None:
    server = serve(str(models))
    changed = models / ".arriving-2"
    shutil.copytree(models / "1", changed)
    weights = next((changed / "variables").glob("*.data-*"))
    good = weights.read_bytes()
    weights.write_bytes(bytes(len(good) // 2) + good[len(good) // 2 :])
    changed.rename(models / "2")
    with Client(server.url) as client:
        wait_until(lambda: any(version.state == "END" for version in client.status("dog")))
        assert client.classify_image("dog", dog_photo).version == 1
        (models / "2" / "variables" / weights.name).write_bytes(good)
        wait_until(lambda: client.classify_image("dog", dog_photo).version == 2)
