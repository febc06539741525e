"""Versions whose files are not complete when they are found, or change after they were loaded."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from tests.lifecycle.conftest import DEADLINE, StartManager, await_state

from lightship.errors import DataLoss, ResourceExhausted
from lightship.lifecycle import FileSystemSource, Manager, ModelConfig, Servable, ServableId, State
from lightship.lifecycle import source as source_module
from lightship.lifecycle import version_record as version_record_module
from lightship.lifecycle import watched as watched_module
from lightship.lifecycle.aspired import Aspired
from lightship.lifecycle.attempts import Backoff, Retries
from lightship.lifecycle.version_files import FilesSeen, fingerprint

StartSource = Callable[..., FileSystemSource]
NOT_YET = 600.0


class Contents:
    """Loads what a version's file `saved_model.pb` says, which tests write; some of it is an error."""

    ERRORS = {"damaged": DataLoss("damaged"), "too large": ResourceExhausted("too large")}

    def __init__(self) -> None:
        self.open: list[str] = []
        self.loads = 0

    def load(self, id: ServableId, path: Path) -> Servable:
        self.loads += 1
        content = (path / "saved_model.pb").read_text()
        if content in self.ERRORS:
            raise self.ERRORS[content]
        self.open.append(content)
        return cast(Servable, SimpleNamespace(id=id, content=content, close=lambda: self.open.remove(content)))


@pytest.fixture
def contents() -> Contents:
    return Contents()


@pytest.fixture
def manager(start_manager: StartManager, contents: Contents) -> Manager:
    return start_manager(contents.load)


@pytest.fixture
def start_source(manager: Manager) -> Iterator[StartSource]:
    sources: list[FileSystemSource] = []

    def start(folder: Path, poll_seconds: float = 0.02, **options: float) -> None:
        sources.append(FileSystemSource(manager, poll_seconds, **{"settle_seconds": 0.04, **options}))
        sources[-1].watch([ModelConfig("half", folder)])

    yield start
    for source in sources:
        source.close()


def write(folder: Path, number: int, content: str) -> Path:
    """Writes the file in one step: while it was empty, a busy machine could take it for complete."""
    (folder / str(number)).mkdir(exist_ok=True)
    written = folder.parent / f"written-{number}"
    written.write_text(content)
    return written.rename(folder / str(number) / "saved_model.pb")


def await_content(manager: Manager, content: str) -> None:
    def answers(seen: Manager) -> bool:
        return any(status.state is State.AVAILABLE for status in seen.versions("half")) and served(seen) == content

    assert manager.wait(answers, DEADLINE), manager.versions("half")


def served(manager: Manager) -> str:
    with manager.handle("half") as handle:
        return str(handle.servable.content)  # type: ignore[attr-defined]


def note(manager: Manager, version: int = 1) -> str:
    return next(status.note for status in manager.versions("half") if status.version == version)


def await_note(manager: Manager, text: str) -> None:
    def told(seen: Manager) -> bool:
        seen_notes = [status.note for status in seen.versions("half")]
        return any(text in one for one in seen_notes)

    deadline = time.monotonic() + DEADLINE
    while not told(manager):
        assert time.monotonic() < deadline, manager.versions("half")
        manager.wait(told, 0.02)


def await_logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not any(text in record.getMessage() for record in caplog.records):
        assert time.monotonic() < deadline, caplog.text
        time.sleep(0.01)


def test_a_version_that_keeps_changing_is_not_loaded_and_its_status_says_why(
    manager: Manager, contents: Contents, start_source: StartSource, folder: Path
) -> None:
    write(folder, 1, "one")
    start_source(folder, settle_seconds=NOT_YET)
    await_note(manager, "its files are still being written: ")
    (status,) = manager.versions("half")
    assert status.state is State.START
    assert contents.loads == 0
    assert "its files are still being written" in manager.not_ready()["half"]


def test_the_version_before_answers_while_the_next_one_is_written(
    manager: Manager, contents: Contents, start_source: StartSource, folder: Path
) -> None:
    write(folder, 1, "one")
    start_source(folder, settle_seconds=2.0)  # the writer never pauses for so long
    await_content(manager, "one")
    stop = threading.Event()

    def keep_writing() -> None:
        while not stop.wait(0.005):
            write(folder, 2, "two")

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        await_note(manager, "its files are still being written")
        assert served(manager) == "one"
    finally:
        stop.set()
        writer.join()
    await_content(manager, "two")


def test_a_lower_version_is_loaded_while_a_higher_one_is_written(manager: Manager, folder: Path) -> None:
    write(folder, 1, "one")
    write(folder, 2, "two")
    versions = {1: folder / "1", 2: folder / "2"}
    manager.aspire("half", versions, files={1: FilesSeen({}), 2: FilesSeen({}, "its files are still being written")})
    await_content(manager, "one")
    assert [(status.state, status.note) for status in manager.versions("half")] == [
        (State.START, "its files are still being written"),
        (State.AVAILABLE, ""),
    ]
    manager.aspire("half", versions, files={1: FilesSeen({}), 2: FilesSeen({})})
    await_content(manager, "two")


def test_with_polling_off_the_one_look_waits_for_the_files(
    manager: Manager, start_source: StartSource, folder: Path
) -> None:
    write(folder, 1, "one")
    start_source(folder, 0, settle_seconds=0.2)
    await_content(manager, "one")
    write(folder, 2, "two")
    write(folder, 1, "mended")  # it is looked at a while longer, but no other version is looked for
    await_content(manager, "mended")
    assert [status.version for status in manager.versions("half")] == [1]


def test_a_version_that_changes_at_once_is_loaded_again_and_answers_meanwhile(
    manager: Manager, contents: Contents, start_source: StartSource, folder: Path
) -> None:
    write(folder, 1, "half of it")
    start_source(folder)
    await_content(manager, "half of it")
    with manager.handle("half"):
        write(folder, 1, "all of it")
        await_content(manager, "all of it")
        assert sorted(contents.open) == ["all of it", "half of it"]  # the old one is still used by this handle
    assert manager.wait(lambda _: contents.open == ["all of it"], DEADLINE) or contents.open == ["all of it"]
    assert [status.state for status in manager.versions("half")] == [State.AVAILABLE]


def test_what_turns_out_to_be_damaged_answers_no_more(
    manager: Manager, contents: Contents, start_source: StartSource, folder: Path
) -> None:
    write(folder, 1, "half of it")
    start_source(folder)
    await_content(manager, "half of it")
    write(folder, 1, "damaged")
    await_state(manager, 1, State.END)
    write(folder, 1, "whole")
    await_content(manager, "whole")


def test_what_cannot_be_loaded_again_goes_on_answering_and_says_so(
    manager: Manager, contents: Contents, start_source: StartSource, folder: Path
) -> None:
    write(folder, 1, "half of it")
    start_source(folder)
    await_content(manager, "half of it")
    write(folder, 1, "too large")
    await_note(manager, "its files were changed after it was loaded, and cannot be loaded again: too large")
    assert served(manager) == "half of it"
    write(folder, 1, "smaller")
    await_content(manager, "smaller")
    assert note(manager) == ""


def test_files_that_change_later_are_told_about_once(
    manager: Manager,
    contents: Contents,
    start_source: StartSource,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(version_record_module, "_EARLY_SECONDS", 0.0)
    write(folder, 1, "one")
    start_source(folder)
    await_content(manager, "one")
    with caplog.at_level(logging.WARNING, "lightship.lifecycle"):
        write(folder, 1, "other")
        await_note(manager, "its files were changed after it was loaded: it answers with what it loaded")
        (folder / "1" / "more").write_text("")
        await_logged(caplog, "(more, saved_model.pb)")
    assert len(caplog.records) == 2  # once for each change, however often the files are looked at
    assert (served(manager), contents.loads) == ("one", 1)
    write(folder, 1, "one")


def test_files_that_are_as_they_were_are_no_longer_told_about(
    manager: Manager, start_source: StartSource, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version_record_module, "_EARLY_SECONDS", 0.0)
    write(folder, 1, "one")
    start_source(folder)
    await_content(manager, "one")
    (folder / "1" / "more").write_text("")
    await_note(manager, "its files were changed")
    (folder / "1" / "more").unlink()
    deadline = time.monotonic() + DEADLINE
    while note(manager):
        assert time.monotonic() < deadline
        manager.wait(lambda _: False, 0.02)


@pytest.mark.parametrize("early", [0.0, NOT_YET])
def test_files_whose_folder_is_away_are_not_taken_for_changed(
    manager: Manager, folder: Path, early: float, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(version_record_module, "_EARLY_SECONDS", early)
    write(folder, 1, "one")
    versions = {1: folder / "1"}
    manager.aspire("half", versions)
    await_content(manager, "one")
    with caplog.at_level(logging.INFO, "lightship.lifecycle"):
        caplog.clear()
        folder.rename(folder.with_name("away"))
        manager.aspire("half", versions, files={1: FilesSeen(fingerprint(folder / "1"))})
    assert (caplog.messages, note(manager)) == ([], "")


def test_a_change_is_still_told_about_while_the_folder_is_away(
    manager: Manager, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version_record_module, "_EARLY_SECONDS", 0.0)
    write(folder, 1, "one")
    manager.aspire("half", {1: folder / "1"})
    await_content(manager, "one")
    write(folder, 1, "other")
    manager.aspire("half", {1: folder / "1"}, files={1: FilesSeen(fingerprint(folder / "1"))})
    manager.aspire("half", {1: folder / "1"}, files={1: FilesSeen({})})
    assert note(manager).startswith("its files were changed after it was loaded")


def test_a_failed_version_is_not_tried_again_because_its_files_are_gone(
    start_manager: StartManager, contents: Contents, folder: Path
) -> None:
    manager = start_manager(contents.load, retries=Retries(0), backoff=Backoff(NOT_YET, NOT_YET))
    write(folder, 1, "damaged")
    manager.aspire("half", {1: folder / "1"})
    await_state(manager, 1, State.END)
    manager.aspire("half", {1: folder / "1"}, files={1: FilesSeen({})})
    assert not manager.wait(lambda _: contents.loads > 1, 0.3)


def test_files_that_change_during_a_load_are_loaded_again(
    start_manager: StartManager, contents: Contents, folder: Path
) -> None:
    write(folder, 1, "one")
    seen = []

    def load(id: ServableId, path: Path) -> Servable:
        loaded = contents.load(id, path)
        seen.append(served_by(loaded))
        if len(seen) == 1:
            write(folder, 1, "all of it")
        return loaded

    manager = start_manager(load)
    manager.aspire("half", {1: folder / "1"})
    await_content(manager, "all of it")
    assert seen == ["one", "all of it"]
    assert contents.open == ["all of it"]


def served_by(servable: Servable) -> str:
    return str(servable.content)  # type: ignore[attr-defined]


class Clock:
    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.passed


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(watched_module, "time", made)
    return made


@pytest.fixture
def source(manager: Manager, folder: Path) -> Iterator[FileSystemSource]:
    """It polls when told to, and has a grace of 30 seconds."""
    write(folder, 1, "one")
    made = FileSystemSource(manager, 0, settle_seconds=0, empty_folder_grace=30)
    made.watch([ModelConfig("half", folder)])
    await_content(manager, "one")
    yield made
    made.close()


def test_an_empty_folder_keeps_its_versions_for_a_while(
    manager: Manager, source: FileSystemSource, folder: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(folder / "1")
    with caplog.at_level(logging.WARNING, "lightship.lifecycle"):
        for clock.passed in (0.0, 10.0, 29.0):
            source.poll_once()
    assert served(manager) == "one"
    assert manager.notice("half") == (
        f"{folder} has no version any more; the loaded versions of servable half are kept for 30 seconds "
        "(--empty-folder-grace): put a version there"
    )
    assert caplog.messages == [manager.notice("half")]
    clock.passed = 31.0
    source.poll_once()
    await_state(manager, 1, State.END)
    assert manager.notice("half") == ""
    assert "contains no version" in manager.not_ready()["half"]


def test_a_version_that_comes_back_in_time_changes_nothing(
    manager: Manager, contents: Contents, source: FileSystemSource, folder: Path, clock: Clock
) -> None:
    (folder / "1").rename(folder / "away")
    source.poll_once()
    assert manager.notice("half")
    (folder / "away").rename(folder / "1")
    clock.passed = 31.0
    source.poll_once()
    assert (served(manager), contents.loads, manager.notice("half")) == ("one", 1, "")
    (folder / "1").rename(folder / "away")
    source.poll_once()  # the time begins anew
    assert served(manager) == "one"


def test_another_version_ends_the_waiting(
    manager: Manager, source: FileSystemSource, folder: Path, clock: Clock
) -> None:
    shutil.rmtree(folder / "1")
    source.poll_once()
    write(folder, 2, "two")
    source.poll_once()
    await_content(manager, "two")
    await_state(manager, 1, State.END)
    assert manager.notice("half") == ""


def test_versions_that_never_answered_are_not_kept(manager: Manager, start_source: StartSource, folder: Path) -> None:
    write(folder, 1, "damaged")
    start_source(folder, empty_folder_grace=NOT_YET)
    await_state(manager, 1, State.END)
    shutil.rmtree(folder / "1")
    assert manager.wait(lambda seen: "contains no version" in seen.not_ready()["half"], DEADLINE)
    assert manager.notice("half") == ""


def test_a_folder_whose_file_system_hangs_holds_up_no_other(
    manager: Manager, start_source: StartSource, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, find = threading.Event(), watched_module.find_aspired

    def hang(config: ModelConfig) -> Aspired:
        if config.name == "away":
            release.wait(DEADLINE)
        return find(config)

    monkeypatch.setattr(watched_module, "find_aspired", hang)
    monkeypatch.setattr(source_module, "_SLOW_SECONDS", 0.1)
    write(folder, 1, "one")
    source = FileSystemSource(manager, 0.02, settle_seconds=0)
    try:
        source.watch([ModelConfig("away", tmp_path), ModelConfig("half", folder)])
        await_content(manager, "one")
        write(folder, 2, "two")
        await_content(manager, "two")
    finally:
        release.set()
        source.close()


def let_folders_hang(monkeypatch: pytest.MonkeyPatch, hangs: threading.Event, release: threading.Event) -> None:
    """From now on, looking for versions takes until `release` is set. `hangs` is set when that has begun."""
    find = watched_module.find_aspired

    def hang(config: ModelConfig) -> Aspired:
        hangs.set()
        release.wait(DEADLINE)
        return find(config)

    monkeypatch.setattr(watched_module, "find_aspired", hang)


def test_a_folder_that_hangs_until_after_the_end_changes_nothing(
    manager: Manager, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, hangs = threading.Event(), threading.Event()
    write(folder, 1, "one")
    source = FileSystemSource(manager, 0.02, settle_seconds=0)
    source.watch([ModelConfig("half", folder)])
    await_content(manager, "one")
    let_folders_hang(monkeypatch, hangs, release)
    try:
        assert hangs.wait(DEADLINE)
        write(folder, 2, "two")
        source.close(0)
    finally:
        release.set()
    assert source._watched["half"].polling.acquire(timeout=DEADLINE)  # the poll has ended
    assert [status.version for status in manager.versions("half")] == [1]


def test_a_folder_that_hangs_when_its_files_are_due_keeps_no_processor_busy(
    manager: Manager, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, hangs = threading.Event(), threading.Event()
    write(folder, 1, "one")
    source = FileSystemSource(manager, 0.02, settle_seconds=0)
    source.watch([ModelConfig("half", folder)])
    await_content(manager, "one")
    asked: list[bool] = []
    usual = FileSystemSource._poll_one

    def poll_one(self: FileSystemSource, watched: watched_module.Watched, poll: Callable[..., None]) -> None:
        asked.append(hangs.is_set())
        usual(self, watched, poll)

    monkeypatch.setattr(source_module, "_SLOW_SECONDS", 0.01)
    monkeypatch.setattr(FileSystemSource, "_poll_one", poll_one)
    let_folders_hang(monkeypatch, hangs, release)
    try:
        assert hangs.wait(DEADLINE)
        source.change(NOT_YET, 0.0)
        watched = source._watched["half"]
        time.sleep(max(0.0, (watched.look_at or 0.0) - time.monotonic()))  # until its files are due
        del asked[:]
        time.sleep(0.3)
        assert len(asked) < 5
    finally:
        release.set()
        source.close()
