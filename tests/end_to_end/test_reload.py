"""Two models whose labels move by reloads while clients ask: no request fails, and none is answered by a stranger."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx2
import pytest
from tests.end_to_end.test_versions import wait_until

from lightship.lifecycle import Manager, State
from lightship.server import ModelConfig, Server, ServerOptions, Specific

TURNS = 3


@pytest.fixture
def folder(half_plus_two: Path, tmp_path: Path) -> Path:
    for version in ("1", "2", "3", "4"):
        shutil.copytree(half_plus_two / "123", tmp_path / "half" / version)
    return tmp_path / "half"


@dataclass(slots=True)
class Responses:
    """What a client saw, as (HTTP status, version that answered)."""

    seen: list[tuple[int, str]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)


@contextmanager
def asking(url: str, *paths: str) -> Iterator[list[Responses]]:
    """A client for each path, which asks without pause."""
    stop = threading.Event()
    asked = [Responses() for _ in paths]

    def ask(path: str, result: Responses) -> None:
        try:
            with httpx2.Client(base_url=url, timeout=60) as http:
                while not stop.is_set():
                    answer = http.post(f"/v1/models/{path}:predict", content=b'{"instances": [1]}')
                    result.seen.append((answer.status_code, answer.headers.get("Lightship-Model-Version", "")))
        except BaseException as error:
            result.errors.append(error)

    threads = [threading.Thread(target=ask, args=pair) for pair in zip(paths, asked, strict=True)]
    for thread in threads:
        thread.start()
    try:
        yield asked
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


def answered(asked: Sequence[Responses], count: int) -> Callable[[], bool]:
    return lambda: min(len(one.seen) for one in asked) > count


def available(model: str, *versions: int) -> Callable[[Manager], bool]:
    """Whether these and no others of a model's versions are AVAILABLE, and none is on its way out."""

    def condition(manager: Manager) -> bool:
        states = {one.version: one.state for one in manager.versions(model) if one.state is not State.END}
        return states == dict.fromkeys(versions, State.AVAILABLE)

    return condition


def test_labels_move_under_load_and_no_request_fails(folder: Path) -> None:
    a = ModelConfig("a", folder, Specific([1, 2]), {"stable": 1, "canary": 2})
    b = ModelConfig("b", folder, Specific([1]), {"stable": 1})
    with Server(ServerOptions([a, b], rest_port="auto", poll_seconds=0.05)) as server:
        assert server.manager.wait(available("a", 1, 2), 60)
        assert server.wait_ready(60)
        with asking(server.rest_url, "a/labels/stable", "a/labels/canary", "b/labels/stable") as (
            stable,
            canary,
            other,
        ):
            for turn in range(TURNS):
                new = 2 + turn
                wait_until(answered((stable, canary, other), 50 * (turn + 1)))
                # In one step the labels move to what is there, the version they named goes, and the next one comes.
                aspired = [new, new + 1] if new < 4 else [new]
                a = replace(a, policy=Specific(aspired), labels={"stable": new, "canary": new})
                server.reload([a, b], 60)
                assert server.manager.wait(available("a", *aspired), 60)
            wait_until(lambda: (200, "4") in stable.seen and (200, "4") in canary.seen)
    for asked in (stable, canary, other):
        assert asked.errors == []
        assert {status for status, _ in asked.seen} == {200}
    assert [int(version) for _, version in stable.seen] == sorted(int(version) for _, version in stable.seen)
    assert {version for _, version in stable.seen} == {"1", "2", "3", "4"}
    assert {version for _, version in canary.seen} == {"2", "3", "4"}
    assert {version for _, version in other.seen} == {"1"}


def test_models_come_and_go_under_load(folder: Path) -> None:
    a, b = ModelConfig("a", folder), ModelConfig("b", folder, labels={"stable": 4})
    with Server(ServerOptions([a], rest_port="auto", poll_seconds=0.05)) as server:
        assert server.wait_ready(60)
        with asking(server.rest_url, "a", "a/versions/4") as asked:
            for turn in range(TURNS):
                server.reload([a, b], 60)
                label = httpx2.post(f"{server.rest_url}/v1/models/b/labels/stable:predict", json={"instances": [1.0]})
                assert (label.status_code, label.json()) == (200, {"predictions": [2.5]})
                server.reload([a], 60)
                assert server.manager.wait(available("b"), 60)
                wait_until(answered(asked, 50 * (turn + 1)))
    assert [one.errors for one in asked] == [[], []]
    assert {status for one in asked for status, _ in one.seen} == {200}
