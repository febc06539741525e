"""Versions come and go; requests do not notice."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.lifecycle.conftest import DEADLINE, StartManager, await_state

from lightship.errors import Code, DataLoss, InvalidArgument, NotFound
from lightship.lifecycle import Manager, Servable, ServableId, State, load_servable
from lightship.lifecycle.attempts import Pauses
from lightship.lifecycle.model_versions import MAX_ENDED

AddVersion = Callable[[int], Path]
NEVER = Pauses(3600.0, 3600.0)
AT_ONCE = Pauses(0.0, 0.0)
ONE = np.ones((1, 1), np.float32)


def states(manager: Manager) -> dict[int, State]:
    return {status.version: status.state for status in manager.versions("half")}


def answering(manager: Manager) -> int:
    with manager.handle("half") as handle:
        return handle.servable.id.version


def test_an_aspired_version_becomes_available(manager: Manager, add_version: AddVersion) -> None:
    manager.aspire("half", {1: add_version(1)})
    assert manager.wait_ready(DEADLINE)
    with manager.handle("half") as handle:
        assert handle.servable.id == ServableId("half", 1)
        assert handle.servable.engine.run("serving_default", {"x": ONE})["y"].tolist() == [[2.5]]
    assert [(s.version, s.state, s.error) for s in manager.status("half")] == [(1, State.AVAILABLE, None)]


def test_lookups_that_fail_have_tensorflow_servings_texts(manager: Manager, add_version: AddVersion) -> None:
    manager.aspire("half", {1: add_version(1)})
    assert manager.wait_ready(DEADLINE)
    for arguments, text in [
        (("none",), r"Servable not found for request: Latest\(none\)"),
        (("none", 3), r"Servable not found for request: Specific\(none, 3\)"),
        (("half", 9), r"Servable not found for request: Specific\(half, 9\)"),
    ]:
        with pytest.raises(NotFound, match=text):
            manager.handle(*arguments)
    with pytest.raises(InvalidArgument, match="Unrecognized servable version label: stable"):
        manager.handle("half", None, "stable")
    with pytest.raises(NotFound, match="Could not find any versions of model none"):
        manager.status("none")
    with pytest.raises(NotFound, match="Could not find version 9 of model half"):
        manager.status("half", 9)


def test_the_old_version_answers_until_the_new_one_does(start_manager: StartManager, add_version: AddVersion) -> None:
    go_on = threading.Event()

    def load(id: ServableId, path: Path) -> Servable:
        assert id.version == 1 or go_on.wait(DEADLINE)
        return load_servable(id, path)

    manager = start_manager(load)
    manager.aspire("half", {1: add_version(1)})
    assert manager.wait_ready(DEADLINE)
    manager.aspire("half", {2: add_version(2)})
    await_state(manager, 2, State.LOADING)
    assert answering(manager) == 1
    go_on.set()
    await_state(manager, 2, State.AVAILABLE)
    assert answering(manager) == 2


def test_a_version_in_use_is_kept_until_it_is_released(manager: Manager, add_version: AddVersion) -> None:
    manager.aspire("half", {1: add_version(1)})
    assert manager.wait_ready(DEADLINE)
    handle = manager.handle("half")
    manager.aspire("half", {2: add_version(2)})
    await_state(manager, 1, State.UNLOADING)
    with pytest.raises(NotFound):
        manager.handle("half", 1)
    assert handle.servable.engine.run("serving_default", {"x": ONE})["y"].tolist() == [[2.5]]
    handle.release()
    await_state(manager, 1, State.END)
    assert manager.status("half", 1)[0].error is None


def test_no_call_fails_while_versions_change(manager: Manager, add_version: AddVersion) -> None:
    paths = {number: add_version(number) for number in range(1, 6)}
    manager.aspire("half", {1: paths[1]})
    assert manager.wait_ready(DEADLINE)
    failures: list[BaseException] = []
    answered, stop = [0] * 4, threading.Event()

    def ask(thread: int) -> None:
        try:
            while not stop.is_set():
                with manager.handle("half") as handle:
                    rows = np.ones((1 + thread, 1), np.float32)
                    assert handle.servable.engine.run("serving_default", {"x": rows})["y"].shape == rows.shape
                answered[thread] += 1
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for number in range(2, 6):
        manager.aspire("half", {number: paths[number]})
        await_state(manager, number, State.AVAILABLE)
        await_state(manager, number - 1, State.END)
    stop.set()
    for thread in threads:
        thread.join(DEADLINE)
    assert failures == []
    assert min(answered) > 0


def test_a_version_that_fails_leaves_the_old_one_serving(
    start_manager: StartManager, add_version: AddVersion, folder: Path
) -> None:
    manager = start_manager(pauses=NEVER)
    manager.aspire("half", {1: add_version(1)})
    assert manager.wait_ready(DEADLINE)
    (folder / "2").mkdir()
    manager.aspire("half", {2: folder / "2"})
    await_state(manager, 2, State.END)
    (failed,) = manager.status("half", 2)
    assert failed.error is not None
    assert failed.error.code is Code.NOT_FOUND
    assert "does not appear to contain a SavedModel bundle" in failed.error.message
    assert answering(manager) == 1
    assert manager.ready()


def test_truncated_weights_never_answer_and_say_why(start_manager: StartManager, add_version: AddVersion) -> None:
    manager = start_manager(pauses=NEVER)
    version = add_version(1)
    (version / "variables" / "variables.data-00000-of-00001").write_bytes(b"")
    manager.aspire("half", {1: version})
    await_state(manager, 1, State.END)
    (failed,) = manager.status("half")
    assert isinstance(failed.error, DataLoss)
    assert "cannot read the weights" in failed.error.message
    assert manager.not_ready() == {"half": f"version 1: {failed.error.message}"}


def test_a_failed_version_is_tried_again_at_once_when_its_files_change(
    start_manager: StartManager, add_version: AddVersion, half_plus_two: Path
) -> None:
    manager = start_manager(pauses=NEVER)
    version = add_version(1)
    (version / "saved_model.pb").unlink()
    manager.aspire("half", {1: version})
    await_state(manager, 1, State.END)
    manager.aspire("half", {1: version})
    assert states(manager) == {1: State.END}
    shutil.copy(half_plus_two / "123" / "saved_model.pb", version)
    manager.aspire("half", {1: version})
    await_state(manager, 1, State.AVAILABLE)
    assert manager.status("half")[0].error is None


def test_a_failed_version_is_tried_again_after_a_pause(start_manager: StartManager, add_version: AddVersion) -> None:
    attempts: list[float] = []

    def load(id: ServableId, path: Path) -> Servable:
        attempts.append(time.monotonic())
        if len(attempts) < 4:
            raise DataLoss("not yet")
        return load_servable(id, path)

    manager = start_manager(load, pauses=Pauses(0.02, 0.04))
    manager.aspire("half", {1: add_version(1)})
    assert manager.wait_ready(DEADLINE)
    pauses = np.diff(attempts)
    assert all(pauses >= [0.02, 0.04, 0.04])


def test_pauses_grow_up_to_the_longest() -> None:
    assert [Pauses().after(attempt) for attempt in (1, 2, 3, 6, 7, 8, 10**9)] == [1, 2, 4, 32, 60, 60, 60]


def test_what_is_no_error_of_ours_is_internal(start_manager: StartManager, folder: Path) -> None:
    def load(id: ServableId, path: Path) -> Servable:
        raise ZeroDivisionError("one by nought")

    manager = start_manager(load, pauses=NEVER)
    manager.aspire("half", {1: folder})
    await_state(manager, 1, State.END)
    error = manager.status("half")[0].error
    assert error is not None
    assert error.code is Code.INTERNAL
    assert error.message == f"loading {folder} failed: ZeroDivisionError: one by nought"


def test_a_version_no_longer_wanted_while_it_loads_is_cancelled(
    start_manager: StartManager, add_version: AddVersion
) -> None:
    go_on = threading.Event()

    def load(id: ServableId, path: Path) -> Servable:
        assert go_on.wait(DEADLINE)
        return load_servable(id, path)

    manager = start_manager(load)
    manager.aspire("half", {1: add_version(1)})
    await_state(manager, 1, State.LOADING)
    manager.aspire("half", {})
    go_on.set()
    await_state(manager, 1, State.END)
    error = manager.status("half")[0].error
    assert error is not None
    assert (error.code, error.message) == (Code.CANCELLED, "Loading of servable cancelled")


def test_a_version_that_comes_back_while_it_goes_away_is_loaded_again(
    manager: Manager, add_version: AddVersion
) -> None:
    path = add_version(1)
    manager.aspire("half", {1: path})
    assert manager.wait_ready(DEADLINE)
    handle = manager.handle("half")
    first = handle.servable
    manager.aspire("half", {})
    await_state(manager, 1, State.UNLOADING)
    manager.aspire("half", {1: path})
    assert states(manager) == {1: State.UNLOADING}
    handle.release()
    await_state(manager, 1, State.AVAILABLE)
    with manager.handle("half") as again:
        assert again.servable is not first


def test_no_versions_unloads_what_is_there(manager: Manager, add_version: AddVersion) -> None:
    manager.aspire("half", {1: add_version(1)})
    assert manager.wait_ready(DEADLINE)
    manager.aspire("half", {}, "the folder is empty")
    await_state(manager, 1, State.END)
    with pytest.raises(NotFound, match=r"Latest\(half\)"):
        manager.handle("half")
    assert manager.not_ready() == {"half": "the folder is empty"}


def test_ended_versions_are_remembered_but_not_for_ever(start_manager: StartManager, folder: Path) -> None:
    def load(id: ServableId, path: Path) -> Servable:
        raise DataLoss("broken")

    manager = start_manager(load, pauses=NEVER)
    last = MAX_ENDED + 20
    for number in range(1, last + 1):
        manager.aspire("half", {number: folder})
        await_state(manager, number, State.END)
    kept = [status.version for status in manager.status("half")]
    assert kept == list(range(last, last - MAX_ENDED - 1, -1))  # the last one is still aspired


def test_models_are_known_before_their_versions(manager: Manager, add_version: AddVersion) -> None:
    manager.expect("cat", "models/cat does not exist")
    manager.aspire("half", {1: add_version(1)})
    await_state(manager, 1, State.AVAILABLE)
    assert manager.models() == ["cat", "half"]
    assert not manager.ready()
    assert manager.not_ready() == {"cat": "models/cat does not exist"}
    assert manager.versions("cat") == []
    assert not manager.wait_ready(0.01)


def test_closing_waits_for_the_handles(start_manager: StartManager, add_version: AddVersion) -> None:
    manager = start_manager()
    manager.aspire("half", {1: add_version(1)})
    assert manager.wait_ready(DEADLINE)
    handle = manager.handle("half")
    closing = threading.Thread(target=manager.close, args=(DEADLINE,))
    closing.start()
    await_state(manager, 1, State.UNLOADING)
    assert handle.servable.engine.run("serving_default", {"x": ONE})["y"].tolist() == [[2.5]]
    handle.release()
    closing.join(DEADLINE)
    assert states(manager) == {1: State.END}


def test_a_handle_that_is_never_released_does_not_keep_it_from_closing(
    start_manager: StartManager, add_version: AddVersion
) -> None:
    manager = start_manager()
    manager.aspire("half", {1: add_version(1)})
    assert manager.wait_ready(DEADLINE)
    handle = manager.handle("half")
    manager.close(0.05)
    assert states(manager) == {1: State.UNLOADING}
    handle.release()
