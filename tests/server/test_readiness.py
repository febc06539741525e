"""A server says why its models do not answer."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lightship.errors import FailedPrecondition
from lightship.server import ModelConfig, Server, ServerOptions


def test_a_server_that_was_not_started_has_no_model_that_answers(half_plus_two: Path) -> None:
    server = Server(ServerOptions([ModelConfig("m", half_plus_two)], rest_port="auto"))
    for ask in (
        lambda: server.require_ready(60),
        lambda: server.wait_ready(60),
        lambda: server.reload([]),
        server.reread,
    ):
        with pytest.raises(FailedPrecondition, match="has not been started"):
            ask()


def test_the_models_of_a_server_that_was_stopped_are_not_awaited(half_plus_two: Path) -> None:
    with Server(ServerOptions([ModelConfig("m", half_plus_two)], rest_port="auto")) as server:
        server.require_ready(60)
    with pytest.raises(FailedPrecondition, match="the server was stopped"):
        server.require_ready()


def test_who_waits_for_models_learns_that_the_server_was_stopped(half_plus_two: Path) -> None:
    model = ModelConfig("m", half_plus_two)
    server = Server(ServerOptions([model], rest_port="auto", settle_seconds=1e9)).start()
    with ThreadPoolExecutor(1) as threads:
        waits = threads.submit(server.require_ready)
        server.stop()
        with pytest.raises(FailedPrecondition, match="the server was stopped"):
            waits.result(60)


def test_no_model_is_ready_at_once() -> None:
    with Server(ServerOptions([], rest_port="auto")) as server:
        server.require_ready(0)


def test_the_server_goes_on_and_can_be_asked_again(half_plus_two: Path, tmp_path: Path) -> None:
    models = [ModelConfig("m", half_plus_two), ModelConfig("later", tmp_path / "later")]
    (tmp_path / "later").mkdir()
    with Server(ServerOptions(models, rest_port="auto", poll_seconds=0.05)) as server:
        with pytest.raises(FailedPrecondition, match="later cannot be served"):
            server.require_ready(60)
        shutil.copytree(half_plus_two / "123", tmp_path / "hidden")
        (tmp_path / "hidden").rename(tmp_path / "later" / "1")
        assert server.wait_ready(60)
        server.require_ready(0)
