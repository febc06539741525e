"""What happens to a running server's folders, as its clients and its operator see it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lightship.bundle.manifest import Manifest, write_manifest
from lightship.client import Client
from lightship.client.results import ModelStatus
from lightship.server import ModelConfig, Server, ServerOptions

DEADLINE = 60.0
Start = Callable[..., Server]


@pytest.fixture
def folder(tmp_path: Path, half_plus_two: Path) -> Path:
    shutil.copytree(half_plus_two / "123", tmp_path / "half" / "1")
    return tmp_path / "half"


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def started(**options: Any) -> Server:
            models = [ModelConfig("half", folder)]
            served = ServerOptions(models, **{"rest_port": "auto", "grpc_port": "auto", "poll_seconds": 0.05} | options)
            server = stack.enter_context(Server(served))
            assert server.wait_ready(DEADLINE)
            return server

        yield started


def told(url: str, what: Callable[[ModelStatus], str]) -> str:
    """Waits until the status of the model says something."""
    deadline = time.monotonic() + DEADLINE
    with Client(url) as client:
        while not (text := what(client.models()[0])):
            assert time.monotonic() < deadline, client.models()
            time.sleep(0.05)
        assert client.predict("half", [[3.0]])
    return text


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_a_version_that_is_still_being_written_says_so(start: Start, folder: Path, transport: str) -> None:
    (folder / "1" / "assets.extra").mkdir()
    write_manifest(folder / "1", Manifest("now", {}, {}))  # its digests show that it is complete
    server = start(settle_seconds=600)
    url = server.rest_url if transport == "rest" else f"grpc://{server.grpc_address}"
    shutil.copytree(folder / "1" / "variables", folder / "2" / "variables")
    note = told(url, lambda model: next((one.note for one in model.versions if one.version == 2), ""))
    assert note.startswith("its files are still being written: variables")


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_an_empty_folder_keeps_answering_and_says_so(start: Start, folder: Path, transport: str) -> None:
    server = start(empty_folder_grace=600)
    url = server.rest_url if transport == "rest" else f"grpc://{server.grpc_address}"
    shutil.rmtree(folder / "1")
    assert "has no version any more" in told(url, lambda model: model.notice)


def test_without_a_grace_an_empty_folder_unloads_its_versions(start: Start, folder: Path) -> None:
    server = start(empty_folder_grace=0)
    shutil.rmtree(folder / "1")
    assert server.manager.wait(lambda manager: not manager.ready(), DEADLINE)


def test_links_out_of_the_folder_are_followed_where_that_is_asked(start: Start, folder: Path, tmp_path: Path) -> None:
    (folder / "1").rename(tmp_path / "elsewhere")
    (folder / "1").symlink_to(tmp_path / "elsewhere")
    start(follow_links=True)
