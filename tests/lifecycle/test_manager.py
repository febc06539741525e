"""Versions come and go; requests do not notice."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.lifecycle.conftest import DEADLINE, StartManager, await_state

from lightship.errors import Code, DataLoss, InvalidArgument, NotFound
from lightship.lifecycle import Manager, Servable, ServableId, State, load_servable
from lightship.lifecycle.attempts import Backoff, Retries
from lightship.lifecycle.model_versions import MAX_ENDED
from lightship.lifecycle.models import MAX_REMOVED
from lightship.lifecycle.version_files import FilesSeen, fingerprint

AddVersion = Callable[[int], Path]
NEVER = Backoff(3600.0, 3600.0)
AT_ONCE = Backoff(0.0, 0.0)
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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_a_version_is_unloaded_at_low_priority(start_manager: StartManager, add_version: AddVersion) -> None:
    found: list[int] = []

    def load(id: ServableId, path: Path) -> Servable:
        return replace(load_servable(id, path), on_close=lambda: found.append(os.getpriority(os.PRIO_PROCESS, 0)))

    manager = start_manager(load)
    manager.aspire("half", {1: add_version(1)})
    assert manager.wait_ready(DEADLINE)
    manager.aspire("half", {2: add_version(2)})
    await_state(manager, 1, State.END)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert found == [min(19, own + 5)]


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
    manager = start_manager(backoff=NEVER)
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
    manager = start_manager(backoff=NEVER)
    version = add_version(1)
    (version / "variables" / "variables.data-00000-of-00001").write_bytes(b"")
    manager.aspire("half", {1: version})
    await_state(manager, 1, State.END)
    (failed,) = manager.status("half")
    assert isinstance(failed.error, DataLoss)
    assert "it was truncated; copy the complete version again" in failed.error.message
    assert manager.not_ready() == {"half": f"version 1: {failed.error.message}"}


def test_a_failed_version_is_tried_again_at_once_when_its_files_change(
    start_manager: StartManager, add_version: AddVersion, half_plus_two: Path
) -> None:
    manager = start_manager(backoff=NEVER)
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

    manager = start_manager(load, backoff=Backoff(0.02, 0.04))
    manager.aspire("half", {1: add_version(1)})
    assert manager.wait_ready(DEADLINE)
    pauses = np.diff(attempts)
    assert all(pauses >= [0.02, 0.04, 0.04])


class Flaky:
    """Fails so many times, then loads, which can be held up: `reached` says that it has come to that."""

    def __init__(self, failures: int) -> None:
        self.failures, self.attempts = failures, 0
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def __call__(self, id: ServableId, path: Path) -> Servable:
        self.attempts += 1
        if self.attempts <= self.failures:
            raise DataLoss(f"attempt {self.attempts}")
        self.reached.set()
        assert self.go_on.wait(DEADLINE)
        return load_servable(id, path)


def test_retries_are_seen_as_loading_and_the_last_error_ends_it(
    start_manager: StartManager, add_version: AddVersion
) -> None:
    load = Flaky(100)
    manager = start_manager(load, retries=Retries(3, -1), backoff=NEVER)
    seen: list[State] = []

    def ended(manager: Manager) -> bool:
        seen.extend(status.state for status in manager.versions("half") if status.error is None)
        return State.END in states(manager).values()

    manager.aspire("half", {1: add_version(1)})
    assert manager.wait(ended, DEADLINE)
    assert set(seen) <= {State.START, State.LOADING}
    assert load.attempts == 4
    (failed,) = manager.status("half")
    assert failed.error is not None
    assert failed.error.message == "attempt 4"
    assert manager.settled_status("half") == failed


def test_a_retry_that_succeeds_is_as_if_nothing_was(start_manager: StartManager, add_version: AddVersion) -> None:
    manager = start_manager(Flaky(2), retries=Retries(2, 0.01), backoff=NEVER)
    manager.aspire("half", {1: add_version(1)})
    assert manager.wait_ready(DEADLINE)
    assert [(s.state, s.error) for s in manager.status("half")] == [(State.AVAILABLE, None)]


def test_after_the_retries_it_is_tried_again_with_pauses(start_manager: StartManager, add_version: AddVersion) -> None:
    load = Flaky(4)
    manager = start_manager(load, retries=Retries(1, 0), backoff=AT_ONCE)
    manager.aspire("half", {1: add_version(1)})
    assert manager.wait_ready(DEADLINE)
    assert load.attempts == 5


def retrying(manager: Manager) -> bool:
    return manager.not_ready() == {"half": "version 1: attempt 1"}


def test_a_version_that_waits_for_its_retry_holds_up_no_other(
    start_manager: StartManager, add_version: AddVersion
) -> None:
    def load(id: ServableId, path: Path) -> Servable:
        if id.name == "half":
            raise DataLoss("attempt 1")
        return load_servable(id, path)

    manager = start_manager(load, loads=1, retries=Retries(5, 3600))
    path = add_version(1)
    manager.aspire("half", {1: path})
    assert manager.wait(retrying, DEADLINE)
    assert states(manager) == {1: State.LOADING}
    manager.aspire("other", {1: path})
    await_state(manager, 1, State.AVAILABLE, "other")
    assert manager.settled_status("half") is None


def test_a_version_no_longer_wanted_is_not_retried(start_manager: StartManager, add_version: AddVersion) -> None:
    load = Flaky(100)
    manager = start_manager(load, retries=Retries(5, 3600))
    manager.aspire("half", {1: add_version(1)})
    assert manager.wait(retrying, DEADLINE)
    manager.aspire("half", {})
    (ended,) = manager.status("half")
    assert ended.state is State.END
    assert ended.error is not None
    assert ended.error.message == "attempt 1"
    assert load.attempts == 1


def test_a_version_no_longer_wanted_during_a_retry_that_succeeds_is_cancelled(
    start_manager: StartManager, add_version: AddVersion
) -> None:
    load = Flaky(1)
    load.go_on.clear()
    manager = start_manager(load, retries=Retries(5, 0))
    manager.aspire("half", {1: add_version(1)})
    assert load.reached.wait(DEADLINE)
    manager.aspire("half", {})
    load.go_on.set()
    await_state(manager, 1, State.END)
    error = manager.status("half")[0].error
    assert error is not None
    assert (error.code, error.message) == (Code.CANCELLED, "Loading of servable cancelled")


def test_changed_files_end_the_waiting_for_a_retry(start_manager: StartManager, add_version: AddVersion) -> None:
    manager = start_manager(Flaky(1), retries=Retries(5, 3600))
    version = add_version(1)
    manager.aspire("half", {1: version})
    assert manager.wait(retrying, DEADLINE)
    (version / "mended").write_text("")
    manager.aspire("half", {1: version})
    assert manager.wait_ready(DEADLINE)


def test_labels_name_versions_and_are_replaced_as_a_whole(manager: Manager, add_version: AddVersion) -> None:
    manager.set_labels("half", {"stable": 1, "canary": 2})
    for label, version in (("stable", 1), ("canary", 2)):
        with pytest.raises(NotFound, match=rf"Servable not found for request: Specific\(half, {version}\)"):
            manager.handle("half", None, label)
    manager.aspire("half", {1: add_version(1), 2: add_version(2)})
    for label, version in (("stable", 1), ("canary", 2)):
        await_state(manager, version, State.AVAILABLE)
        with manager.handle("half", None, label) as handle:
            assert handle.servable.id.version == version
    manager.set_labels("half", {"canary": 1})
    with manager.handle("half", None, "canary") as handle:
        assert handle.servable.id.version == 1
    with pytest.raises(InvalidArgument, match="Unrecognized servable version label: stable"):
        manager.handle("half", None, "stable")
    assert manager.labels("half") == {"canary": 1}


def test_a_model_that_is_forgotten_is_no_longer_configured_but_its_end_can_be_seen(
    manager: Manager, add_version: AddVersion
) -> None:
    manager.aspire("half", {1: add_version(1)})
    manager.set_labels("half", {"stable": 1})
    manager.expect("cat", "models/cat does not exist")
    assert manager.wait(lambda seen: set(seen.not_ready()) == {"cat"}, DEADLINE)
    manager.forget("cat")
    manager.forget("unheard of")
    assert manager.ready()
    handle = manager.handle("half", None, "stable")
    manager.forget("half")
    assert (manager.models(), manager.not_ready()) == ([], {})
    await_state(manager, 1, State.UNLOADING)
    handle.release()
    await_state(manager, 1, State.END)
    with pytest.raises(InvalidArgument):
        manager.handle("half", None, "stable")
    with pytest.raises(NotFound):
        manager.handle("half")


def test_a_model_that_comes_back_is_loaded_anew(manager: Manager, add_version: AddVersion) -> None:
    path = add_version(1)
    manager.aspire("half", {1: path})
    assert manager.wait_ready(DEADLINE)
    manager.forget("half")
    manager.aspire("half", {1: path})
    assert manager.models() == ["half"]
    assert manager.wait_ready(DEADLINE)


def test_removed_models_are_remembered_but_not_for_ever(manager: Manager, folder: Path) -> None:
    for number in range(MAX_REMOVED + 20):
        manager.expect(f"model {number}")
        manager.forget(f"model {number}")
    assert len(list(manager._models)) == MAX_REMOVED


def test_versions_that_never_began_leave_no_trace(start_manager: StartManager, add_version: AddVersion) -> None:
    go_on = threading.Event()

    def load(id: ServableId, path: Path) -> Servable:
        assert go_on.wait(DEADLINE)
        return load_servable(id, path)

    manager = start_manager(load, loads=1)
    path = add_version(1)
    manager.aspire("half", {1: path, 2: path})
    await_state(manager, 2, State.LOADING)
    manager.aspire("half", {2: path})
    assert states(manager) == {2: State.LOADING}
    go_on.set()
    await_state(manager, 2, State.AVAILABLE)


def test_pauses_grow_up_to_the_longest() -> None:
    assert [Backoff().after(attempt) for attempt in (1, 2, 3, 6, 7, 8, 10**9)] == [1, 2, 4, 32, 60, 60, 60]


def test_what_is_no_error_of_ours_is_internal(start_manager: StartManager, folder: Path) -> None:
    def load(id: ServableId, path: Path) -> Servable:
        raise ZeroDivisionError("one by nought")

    manager = start_manager(load, backoff=NEVER)
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


@pytest.mark.parametrize("gone_meanwhile", [False, True])
@pytest.mark.parametrize("first_fails", [False, True])
def test_a_version_whose_folder_moves_while_it_loads_is_loaded_from_the_new_folder(
    start_manager: StartManager, add_version: AddVersion, tmp_path: Path, gone_meanwhile: bool, first_fails: bool
) -> None:
    go_on, loaded = threading.Event(), list[Path]()
    old, new = add_version(1), tmp_path / "moved" / "1"
    shutil.copytree(old, new)

    def load(id: ServableId, path: Path) -> Servable:
        loaded.append(path)
        assert go_on.wait(DEADLINE)
        if path == old and first_fails:
            raise DataLoss("the old folder is damaged")
        return load_servable(id, path)

    manager = start_manager(load, backoff=NEVER)
    manager.aspire("half", {1: old})
    await_state(manager, 1, State.LOADING)
    if gone_meanwhile:
        manager.aspire("half", {})
    manager.aspire("half", {1: new}, files={1: FilesSeen({}, "its files are still being written")})
    go_on.set()
    assert manager.wait(lambda _: states(manager) == {1: State.START}, DEADLINE)
    manager.aspire("half", {1: new}, files={1: FilesSeen(fingerprint(new))})
    await_state(manager, 1, State.AVAILABLE)
    assert loaded == [old, new]
    with manager.handle("half") as handle:
        assert handle.servable.bundle.path == new


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

    manager = start_manager(load, backoff=NEVER)
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


def test_closing_waits_a_moment_for_loads_and_longer_for_handles(
    start_manager: StartManager, add_version: AddVersion, folder: Path
) -> None:
    release, loading = threading.Event(), threading.Event()

    def load(id: ServableId, path: Path) -> Servable:
        if id.version == 2:
            loading.set()
            release.wait(DEADLINE)
        return load_servable(id, path)

    manager = start_manager(load)
    manager.aspire("half", {1: add_version(1)})
    assert manager.wait_ready(DEADLINE)
    manager.aspire("half", {1: folder / "1", 2: add_version(2)})
    assert loading.wait(DEADLINE)
    handle, ended = manager.handle("half"), list[bool]()
    closing = threading.Thread(target=lambda: ended.append(manager.close(DEADLINE, loads=0.05)))
    closing.start()
    try:
        await_state(manager, 1, State.UNLOADING)
        assert ended == []
        handle.release()
        closing.join(DEADLINE / 2)
        assert ended == [False]
    finally:
        release.set()
    closing.join(DEADLINE)


def test_a_handle_that_is_never_released_does_not_keep_it_from_closing(
    start_manager: StartManager, add_version: AddVersion
) -> None:
    manager = start_manager()
    manager.aspire("half", {1: add_version(1)})
    assert manager.wait_ready(DEADLINE)
    handle = manager.handle("half")
    manager.close(1.0)
    assert states(manager) == {1: State.UNLOADING}
    handle.release()
