"""What the log says of a version that is tried again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.lifecycle.conftest import DEADLINE, StartManager, await_state

from lightship.errors import Cancelled, DataLoss
from lightship.lifecycle import Servable, ServableId, State, load_servable
from lightship.lifecycle.attempts import Backoff, Retries

AddVersion = Callable[[int], Path]
AT_ONCE = Backoff(0.0, 0.0)


class Broken:
    """Fails as `error` says, until that is None. `tried` is set at each attempt from the fifth with this error on."""

    def __init__(self, error: Exception | None) -> None:
        self.become(error)

    def become(self, error: Exception | None) -> None:
        self.error, self.attempts, self.tried = error, 0, threading.Event()

    def __call__(self, id: ServableId, path: Path) -> Servable:
        self.attempts += 1
        if self.attempts > 4:
            self.tried.set()
        if self.error is not None:
            raise self.error
        return load_servable(id, path)


@pytest.mark.parametrize("retries", [Retries(0), Retries(1000, 0.0)], ids=["after the retries", "during the retries"])
def test_each_reason_is_logged_once_and_then_the_success(
    start_manager: StartManager, add_version: AddVersion, caplog: pytest.LogCaptureFixture, retries: Retries
) -> None:
    caplog.set_level("INFO", "lightship")
    broken = Broken(DataLoss("a file is broken"))
    manager = start_manager(broken, retries=retries, backoff=AT_ONCE)
    manager.aspire("half", {1: add_version(1)})
    assert broken.tried.wait(DEADLINE)
    broken.become(DataLoss("another file is broken"))
    assert broken.tried.wait(DEADLINE)
    broken.become(None)
    await_state(manager, 1, State.AVAILABLE)
    failed, again, success = [line for line in caplog.messages if line.startswith("{name: half version: 1} ")]
    assert failed == "{name: half version: 1} cannot be loaded: a file is broken"
    assert again == "{name: half version: 1} cannot be loaded: another file is broken"
    assert success.startswith("{name: half version: 1} is AVAILABLE, after ")
    assert int(success.split()[-3]) >= 9


def test_an_attempt_that_is_cancelled_is_no_failure_of_the_version(
    start_manager: StartManager, add_version: AddVersion, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Broken(Cancelled("the server is stopping"))
    manager = start_manager(broken, retries=Retries(1000, 0.0), backoff=AT_ONCE)
    manager.aspire("half", {1: add_version(1)})
    assert broken.tried.wait(DEADLINE)
    broken.become(None)
    await_state(manager, 1, State.AVAILABLE)
    assert not [line for line in caplog.messages if "cannot be loaded" in line]


def test_a_version_that_loads_at_once_is_available_without_further_words(
    start_manager: StartManager, add_version: AddVersion, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "lightship")
    manager = start_manager(load_servable)
    manager.aspire("half", {1: add_version(1)})
    await_state(manager, 1, State.AVAILABLE)
    assert "{name: half version: 1} is AVAILABLE" in caplog.messages


def test_the_traceback_of_an_unexpected_error_is_logged_once(
    start_manager: StartManager, add_version: AddVersion, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Broken(ZeroDivisionError("nobody expected this"))
    manager = start_manager(broken, backoff=AT_ONCE)
    manager.aspire("half", {1: add_version(1)})
    assert broken.tried.wait(DEADLINE)
    assert [record.exc_info is not None for record in caplog.records] == [True, False]
    assert "loading" in caplog.messages[1]
    assert "ZeroDivisionError: nobody expected this" in caplog.messages[1]


def test_a_limit_of_threads_is_named_without_a_traceback(
    start_manager: StartManager, add_version: AddVersion, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Broken(RuntimeError("can't start new thread"))
    start_manager(broken, backoff=AT_ONCE).aspire("half", {1: add_version(1)})
    assert broken.tried.wait(DEADLINE)
    (record,) = caplog.records
    assert record.exc_info is None
    assert "can't start new thread: raise the limit of threads (pids.max" in record.getMessage()


def test_two_versions_that_fail_for_one_reason_are_both_named(
    start_manager: StartManager, add_version: AddVersion, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Broken(DataLoss("a disk is broken"))
    manager = start_manager(broken, backoff=AT_ONCE)
    manager.aspire("half", {1: add_version(1)})
    manager.aspire("other", {1: add_version(2)})
    await_state(manager, 1, State.END)
    await_state(manager, 1, State.END, "other")
    assert broken.tried.wait(DEADLINE)
    assert sorted(caplog.messages) == [
        "{name: half version: 1} cannot be loaded: a disk is broken",
        "{name: other version: 1} cannot be loaded: a disk is broken",
    ]


def test_a_version_that_comes_back_is_reported_again(
    start_manager: StartManager, add_version: AddVersion, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Broken(DataLoss("a file is broken"))
    manager = start_manager(broken, backoff=Backoff(3600.0, 3600.0))
    path = add_version(1)
    for _ in range(2):
        manager.aspire("half", {1: path})
        await_state(manager, 1, State.END)
        manager.aspire("half", {})
    assert caplog.messages == ["{name: half version: 1} cannot be loaded: a file is broken"] * 2


def test_the_log_says_what_a_version_has_in_place_of_a_model(
    start_manager: StartManager, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "half" / "1").mkdir(parents=True)
    (tmp_path / "half" / "1" / "half.keras").touch()
    manager = start_manager(retries=Retries(0), backoff=Backoff(3600.0, 3600.0))
    manager.aspire("half", {1: tmp_path / "half" / "1"})
    await_state(manager, 1, State.END)
    (line,) = [line for line in caplog.messages if "cannot be loaded" in line]
    assert line.startswith("{name: half version: 1} cannot be loaded: Specified file path does not appear to contain")
    assert (
        f"; {tmp_path}/half/1 has a Keras file and no SavedModel: write the next version with lightship export" in line
    )
    (status,) = manager.status("half", 1)
    assert status.error is not None
    assert "keras" not in status.error.message
