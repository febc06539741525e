"""What other programs do while a container is started, played by an engine that needs no Docker."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

docker_errors = pytest.importorskip("docker.errors")

from lightship.docker import creating, starting  # noqa: E402
from lightship.docker.handle import remove  # noqa: E402
from lightship.errors import Aborted  # noqa: E402


def error(status: int) -> Exception:
    response = SimpleNamespace(status_code=status, reason="", url="", text="")
    kind = docker_errors.NotFound if status == 404 else docker_errors.APIError
    made: Exception = kind("refused", response=response)
    return made


def raising(raised: Exception) -> Callable[..., Any]:
    def call(*_: object, **__: object) -> None:
        raise raised

    return call


class Containers:
    """Another program creates the container: its name is taken from the beginning, but it can be found only later."""

    def __init__(self, conflicts: int) -> None:
        self.conflicts, self.asked = conflicts, 0
        self.running = SimpleNamespace(name="m", id="theirs", status="running", labels={})

    def get(self, name: str) -> Any:
        if self.asked < self.conflicts:
            raise error(404)
        return self.running

    def create(self, **_: object) -> None:
        self.asked += 1
        raise error(409)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Any]:
    """Starts a container on an engine, as far as it runs."""
    monkeypatch.setattr(starting, "_PAUSE", 0.0)
    monkeypatch.setattr(starting, "image_of", lambda *_: SimpleNamespace(id="image"))
    monkeypatch.setattr(starting, "started_with", lambda _: {})
    monkeypatch.setattr(starting, "difference", lambda *_: [])
    monkeypatch.setattr(creating, "container_options", lambda *_: {})
    monkeypatch.setattr(creating, "is_ours", lambda _: False)
    settings: Any = SimpleNamespace(name="m", image="i", folder="", described=lambda _: {})

    def start(containers: Any) -> Any:
        client: Any = SimpleNamespace(containers=containers)
        return starting._Start(client, settings, False, 1.0, lambda _: None)._ensure_running()

    return start


def test_a_name_that_is_taken_before_its_container_can_be_found_is_waited_for(started: Callable[[Any], Any]) -> None:
    containers = Containers(conflicts=500)
    assert started(containers) == (containers.running, "left alone")


def test_a_name_that_stays_taken_is_given_up(started: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "_OTHERS_SECONDS", 0.05)
    with pytest.raises(Aborted, match="other programs keep creating and removing the container m"):
        started(Containers(conflicts=1 << 30))


@pytest.mark.parametrize("left", ["gone", "removing"])
def test_a_container_that_another_program_removes_before_it_starts_is_made_again(
    started: Callable[[Any], Any], left: str
) -> None:
    """That program takes one that was created and does not start for a while for a left-over."""
    removed = SimpleNamespace(status=left, start=raising(error(409)), reload=lambda: None)
    if left == "gone":
        removed.reload = raising(error(404))
    sound = SimpleNamespace(status="running", start=lambda: None)
    made = iter([removed, sound])
    containers = SimpleNamespace(get=raising(error(404)), create=lambda **_: next(made))
    assert started(containers) == (sound, "started")


def test_a_removal_by_another_program_that_takes_long_is_no_error() -> None:
    from requests.exceptions import ConnectionError as TimedOut

    remove(SimpleNamespace(remove=raising(error(409)), wait=raising(TimedOut("read timed out"))))  # type: ignore[arg-type]
