"""When a start or a reload has waited enough, and what it says of what failed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from tests.lifecycle.conftest import DEADLINE, StartManager, await_state

from lightship.errors import DataLoss
from lightship.lifecycle import Manager, ModelVersionStatus, Servable, ServableId, State, load_servable
from lightship.lifecycle.attempts import Backoff
from lightship.lifecycle.availability import failure_text, failures, wait_until_settled

AddVersion = Callable[[int], Path]


def test_any_version_of_each_model_decides(start_manager: StartManager, add_version: AddVersion) -> None:
    go_on = threading.Event()

    def load(id: ServableId, path: Path) -> Servable:
        assert id.version == 1 or go_on.wait(DEADLINE)
        return load_servable(id, path)

    manager = start_manager(load)
    manager.aspire("half", {1: add_version(1), 2: add_version(2)})
    settled = wait_until_settled(manager, ["half"], DEADLINE)
    assert settled == {"half": ModelVersionStatus(1, State.AVAILABLE)}
    go_on.set()
    await_state(manager, 2, State.AVAILABLE)
    assert wait_until_settled(manager, ["half"], DEADLINE) == {"half": ModelVersionStatus(2, State.AVAILABLE)}


def test_of_several_the_highest_counts_even_if_it_failed(start_manager: StartManager, add_version: AddVersion) -> None:
    def load(id: ServableId, path: Path) -> Servable:
        if id.version == 2:
            raise DataLoss("broken")
        return load_servable(id, path)

    manager = start_manager(load, backoff=Backoff(3600, 3600))
    path = add_version(1)
    for name in ("half", "twin"):
        manager.aspire(name, {1: path, 2: path})
        await_state(manager, 1, State.AVAILABLE, name)
        await_state(manager, 2, State.END, name)
    failed = failures(wait_until_settled(manager, ["half", "twin"], DEADLINE))
    assert failure_text("servable", failed) == (
        "2 servable(s) did not become available: {{name: half version: 2} due to error: DATA_LOSS: broken}, "
        "{{name: twin version: 2} due to error: DATA_LOSS: broken}, }"
    )


def test_versions_of_an_earlier_life_do_not_count(start_manager: StartManager, folder: Path) -> None:
    def load(id: ServableId, path: Path) -> Servable:
        raise DataLoss("broken")

    manager = start_manager(load)
    manager.aspire("half", {1: folder})
    await_state(manager, 1, State.END)
    manager.forget("half")
    manager.expect("half")
    assert wait_until_settled(manager, ["half"], 0.05) == {}


def test_nothing_is_waited_for_where_there_is_nothing(manager: Manager) -> None:
    assert wait_until_settled(manager, [], None) == {}
    assert wait_until_settled(manager, ["unknown"], None) == {}


def test_it_can_be_cancelled(manager: Manager) -> None:
    manager.expect("late")
    cancelled = threading.Event()
    waiting = threading.Thread(target=wait_until_settled, args=(manager, ["late"], None, cancelled.is_set))
    waiting.start()
    cancelled.set()
    manager.wake()
    waiting.join(DEADLINE)
    assert not waiting.is_alive()


def test_what_failed_is_listed_by_name_whichever_failed_first() -> None:
    failed = ModelVersionStatus(1, State.END, DataLoss("broken"))
    settled = {"b": failed, "c": ModelVersionStatus(1, State.AVAILABLE), "a": failed}
    assert list(failures(settled)) == ["a", "b"]
