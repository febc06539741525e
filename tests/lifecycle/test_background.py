"""Work of the manager and the source while the system allows no further thread, and after an unexpected error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.lifecycle.conftest import DEADLINE, StartManager, await_state

from lightship.lifecycle import FileSystemSource, ModelConfig, State
from lightship.lifecycle import background as background_module
from lightship.lifecycle import manager as manager_module
from lightship.lifecycle import source as source_module
from lightship.lifecycle.background import Background
from lightship.lifecycle.models import Models

AddVersion = Callable[[int], Path]


class System:
    """Counts the threads that it does not allow, as long as it is `full`."""

    def __init__(self) -> None:
        self.full, self.refused, self._start = True, 0, threading.Thread.start

    def start(self, thread: threading.Thread) -> None:
        if self.full and thread.name.startswith("lightship"):
            self.refused += 1
            raise RuntimeError("can't start new thread")
        self._start(thread)


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    made = System()
    made.full = False
    monkeypatch.setattr(threading.Thread, "start", lambda thread: made.start(thread))
    monkeypatch.setattr(manager_module, "RETRY_SECONDS", 0.01)
    yield made
    made.full = False


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_what_waits_for_a_thread_is_called_in_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    full, woken, called = [True], list[int](), list[int]()

    def start(target: Callable[..., None], *arguments: object, name: str) -> bool:
        if not full[0]:
            target(*arguments)
        return not full[0]

    def call(number: int) -> None:
        called.append(number)

    monkeypatch.setattr(background_module, "start_thread", start)
    background = Background(lambda: woken.append(1))
    background.start(call, 1)
    background.start(call, 2)
    background.start_waiting()
    assert (background.waits, len(woken), called) == (True, 2, [])
    full[0] = False
    background.start_waiting()
    assert (background.waits, called) == (False, [1, 2])


def test_a_version_is_loaded_and_unloaded_as_soon_as_there_may_be_a_thread(
    start_manager: StartManager, system: System, add_version: AddVersion
) -> None:
    manager = start_manager()
    path = add_version(1)
    system.full = True
    manager.aspire("half", {1: path})
    until(lambda: system.refused > 1)
    assert [status.state for status in manager.versions("half")] == [State.LOADING]
    system.full = False
    await_state(manager, 1, State.AVAILABLE)
    refused, system.full = system.refused, True
    manager.aspire("half", {})
    until(lambda: system.refused > refused + 1)
    system.full = False
    await_state(manager, 1, State.END)


def test_folders_are_polled_without_a_further_thread(
    start_manager: StartManager, system: System, add_version: AddVersion, folder: Path
) -> None:
    manager = start_manager()
    source = FileSystemSource(manager, 0.02, settle_seconds=0)
    try:
        source.watch([ModelConfig("half", folder)])
        system.full = True
        add_version(1)
        until(lambda: bool(manager.versions("half")))
        system.full = False
        await_state(manager, 1, State.AVAILABLE)
    finally:
        source.close()


def test_an_error_in_one_step_ends_neither_the_manager_nor_the_polling(
    start_manager: StartManager, add_version: AddVersion, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = {"wanted": 1, "poll": 1}

    def once(name: str, method: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            if faults[name]:
                faults[name] -= 1
                raise ZeroDivisionError("a fault")
            return method(*arguments)

        return call

    monkeypatch.setattr(manager_module, "_ERROR_SECONDS", 0.01)
    monkeypatch.setattr(source_module, "_ERROR_SECONDS", 0.01)
    monkeypatch.setattr(Models, "__iter__", once("wanted", Models.__iter__))
    manager = start_manager()
    source = FileSystemSource(manager, 0.02, settle_seconds=0)
    try:
        source.watch([ModelConfig("half", folder)])
        monkeypatch.setattr(source, "_poll_all", once("poll", source._poll_all))
        add_version(1)
        await_state(manager, 1, State.AVAILABLE)
        assert faults == {"wanted": 0, "poll": 0}
    finally:
        source.close()
