"""Which versions a folder has, as it changes."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.lifecycle.conftest import DEADLINE, await_state

from lightship.lifecycle import All, FileSystemSource, Manager, ModelConfig, Specific, State, watched
from lightship.lifecycle import source as source_module
from lightship.lifecycle.aspired import Aspired
from lightship.lifecycle.watched import Found

AddVersion = Callable[[int], Path]


@pytest.fixture
def source(manager: Manager) -> Iterator[FileSystemSource]:
    """It polls when told to."""
    made = FileSystemSource(manager, poll_seconds=0)
    yield made
    made.close()


def test_the_highest_version_is_served(
    manager: Manager, source: FileSystemSource, folder: Path, add_version: AddVersion
) -> None:
    add_version(9)
    add_version(10)
    (folder / "notes.txt").write_text("")
    source.watch([ModelConfig("half", folder)])
    assert manager.wait_ready(DEADLINE)
    assert [status.version for status in manager.status("half")] == [10]


def test_a_new_version_is_taken_up(manager: Manager, folder: Path, add_version: AddVersion) -> None:
    source = FileSystemSource(manager, poll_seconds=0.01)
    try:
        source.watch([ModelConfig("half", folder)])
        add_version(1)
        await_state(manager, 1, State.AVAILABLE)
        add_version(2)
        await_state(manager, 2, State.AVAILABLE)
        await_state(manager, 1, State.END)
    finally:
        source.close()


def test_the_time_between_polls_can_be_changed(manager: Manager, folder: Path, add_version: AddVersion) -> None:
    source = FileSystemSource(manager, poll_seconds=3600)
    try:
        add_version(1)
        source.watch([ModelConfig("half", folder)])
        await_state(manager, 1, State.AVAILABLE)
        add_version(2)
        source.change(poll_seconds=0.01, empty_folder_grace=0.0)
        await_state(manager, 2, State.AVAILABLE)
        add_version(3)
        await_state(manager, 3, State.AVAILABLE)
    finally:
        source.close()


def test_a_broken_version_is_mended_in_place(
    manager: Manager, source: FileSystemSource, folder: Path, add_version: AddVersion, half_plus_two: Path
) -> None:
    version = add_version(1)
    (version / "saved_model.pb").write_bytes(b"half of it")
    source.watch([ModelConfig("half", folder)])
    await_state(manager, 1, State.END)
    shutil.copy(half_plus_two / "123" / "saved_model.pb", version)
    source.poll_once()
    await_state(manager, 1, State.AVAILABLE)


def test_versions_that_vanish_are_unloaded(
    manager: Manager, source: FileSystemSource, folder: Path, add_version: AddVersion
) -> None:
    version = add_version(1)
    source.watch([ModelConfig("half", folder)])
    assert manager.wait_ready(DEADLINE)
    shutil.rmtree(version)
    source.poll_once()
    await_state(manager, 1, State.END)
    assert manager.not_ready() == source.explanations()


def test_a_missing_folder_holds_up_its_own_model_alone(
    manager: Manager, source: FileSystemSource, folder: Path, add_version: AddVersion, tmp_path: Path
) -> None:
    add_version(1)
    source.watch([ModelConfig("gone", tmp_path / "gone"), ModelConfig("half", folder)])
    await_state(manager, 1, State.AVAILABLE)
    assert str(tmp_path / "gone") in manager.not_ready()["gone"]


def test_what_is_loaded_stays_while_the_folder_is_away(
    manager: Manager, source: FileSystemSource, folder: Path, add_version: AddVersion
) -> None:
    add_version(1)
    source.watch([ModelConfig("half", folder)])
    assert manager.wait_ready(DEADLINE)
    folder.rename(folder.with_name("away"))
    source.poll_once()
    assert manager.ready()
    assert "half" in source.explanations()
    assert manager.notice("half") == source.explanations()["half"]
    folder.with_name("away").rename(folder)
    source.poll_once()
    assert manager.notice("half") == ""


def test_looks_at_the_files_of_a_new_version_do_not_hide_that_the_folder_is_away(
    manager: Manager, source: FileSystemSource, folder: Path, add_version: AddVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "_LOOK_SECONDS", 0.01)
    add_version(1)
    source.watch([ModelConfig("half", folder)])
    assert manager.wait_ready(DEADLINE)
    folder.rename(folder.with_name("away"))
    source.poll_once()
    assert manager.notice("half")
    assert not manager.wait(lambda seen: not seen.notice("half"), 0.3)  # many looks


def test_an_explanation_is_logged_once_and_again_when_it_changes(
    source: FileSystemSource, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "lightship.lifecycle.source"):
        source.watch([ModelConfig("half", folder)])
        source.poll_once()
        source.poll_once()
        assert len(caplog.records) == 1
        (folder / "v1").mkdir()
        source.poll_once()
    assert len(caplog.records) == 2
    assert "it contains v1: add a version" in caplog.messages[1]
    assert "v1" not in source.explanations()["half"]


def test_a_folder_that_is_away_is_logged_once_and_so_is_its_return(
    manager: Manager, source: FileSystemSource, folder: Path, add_version: AddVersion, caplog: pytest.LogCaptureFixture
) -> None:
    add_version(1)
    source.watch([ModelConfig("half", folder)])
    assert manager.wait_ready(DEADLINE)
    with caplog.at_level(logging.INFO, "lightship.lifecycle.source"):
        for _ in range(2):
            caplog.clear()
            folder.rename(folder.with_name("away"))
            for _ in range(3):
                source.poll_once()
            folder.with_name("away").rename(folder)
            for _ in range(3):
                source.poll_once()
            away, back = caplog.messages
            assert away.startswith(f"Could not find base path {folder} for servable half")
            assert back == f"{folder} can be read again"


def test_a_poll_that_fails_unexpectedly_is_logged_once_and_so_is_the_next_success(
    source: FileSystemSource, folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.watch([ModelConfig("half", folder)])
    with caplog.at_level(logging.INFO, "lightship.lifecycle.source"):
        caplog.clear()
        for reason in ("the disk is odd", "the disk is very odd"):
            monkeypatch.setattr(source_module, "look_for_versions", raising(ValueError(reason)))
            for _ in range(3):
                source.poll_once()
        monkeypatch.undo()
        for _ in range(3):
            source.poll_once()
    assert caplog.messages == [f"polling {folder} failed"] * 2 + [f"polling {folder} succeeds again"]
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == [
        "the disk is odd",
        "the disk is very odd",
    ]


def raising(error: Exception) -> Callable[[object], Found]:
    def fail(_: object) -> Found:
        raise error

    return fail


def test_a_model_is_known_before_it_is_there(manager: Manager, source: FileSystemSource, tmp_path: Path) -> None:
    source.watch([ModelConfig("later", tmp_path / "later")])
    assert manager.models() == ["later"]
    assert manager.versions("later") == []


def test_a_negative_pause_never_looks(manager: Manager, folder: Path, add_version: AddVersion) -> None:
    add_version(1)
    source = FileSystemSource(manager, poll_seconds=-1)
    source.watch([ModelConfig("half", folder)])
    assert manager.versions("half") == []
    source.close()


def warnings_of(source: FileSystemSource, model: ModelConfig, caplog: pytest.LogCaptureFixture) -> list[str]:
    with caplog.at_level(logging.WARNING, "lightship.lifecycle.source"):
        source.watch([model])
        source.poll_once()
    return caplog.messages


def test_a_folder_without_versions_is_told_in_tensorflow_servings_words(
    source: FileSystemSource, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (warning,) = warnings_of(source, ModelConfig("half", folder), caplog)
    assert warning.startswith(
        f"No versions of servable half found under base path {folder}. Did you forget to name your leaf directory as "
        "a number (eg. '/1/')? ("
    )


def test_a_missing_folder_is_told_in_tensorflow_servings_words(
    source: FileSystemSource, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = tmp_path / "gone"
    (warning,) = warnings_of(source, ModelConfig("half", gone), caplog)
    assert warning.startswith(
        f"Could not find base path {gone} for servable half with error NOT_FOUND: {gone}; No such file or directory ("
    )


def test_specific_versions_of_which_none_is_there_say_so(
    manager: Manager, source: FileSystemSource, folder: Path, add_version: AddVersion, caplog: pytest.LogCaptureFixture
) -> None:
    add_version(1)
    messages = warnings_of(source, ModelConfig("half", folder, Specific([7])), caplog)
    missing = f"Version 7 of servable half, which its version policy names, is not in {folder}"
    assert messages[0] == missing
    assert messages[1].startswith("No versions of servable half found")
    assert manager.not_ready() == {"half": missing} == source.explanations()


def test_all_versions_answer_and_those_that_vanish_go(
    manager: Manager, source: FileSystemSource, folder: Path, add_version: AddVersion
) -> None:
    for number in (1, 2, 3, 5, 8):
        add_version(number)
    source.watch([ModelConfig("half", folder, All())])
    for number in (1, 2, 3, 5, 8):
        await_state(manager, number, State.AVAILABLE)
    (folder / "2").rename(folder / "2.denied")
    (folder / "5").rename(folder / "5.denied")
    shutil.rmtree(folder / "8")
    source.poll_once()
    for number in (2, 5, 8):
        await_state(manager, number, State.END)
    assert [one.version for one in manager.versions("half") if one.state is State.AVAILABLE] == [3, 1]


def test_another_policy_is_followed_at_once(
    manager: Manager, source: FileSystemSource, folder: Path, add_version: AddVersion
) -> None:
    for number in (1, 2, 3):
        add_version(number)
    source.watch([ModelConfig("half", folder)])
    assert manager.wait_ready(DEADLINE)
    source.watch([ModelConfig("half", folder, Specific([1, 2]))])
    await_state(manager, 1, State.AVAILABLE)
    await_state(manager, 2, State.AVAILABLE)
    await_state(manager, 3, State.END)


def test_a_model_no_longer_watched_is_let_go_and_the_others_stay(
    manager: Manager, source: FileSystemSource, folder: Path, add_version: AddVersion
) -> None:
    add_version(1)
    source.watch([ModelConfig("half", folder), ModelConfig("twin", folder)])
    assert manager.wait_ready(DEADLINE)
    source.watch([ModelConfig("twin", folder)])
    await_state(manager, 1, State.END)
    source.poll_once()
    assert manager.models() == ["twin"]
    assert [one.state for one in manager.versions("twin")] == [State.AVAILABLE]


def test_a_look_that_a_reload_has_overtaken_is_forgotten(
    manager: Manager, folder: Path, add_version: AddVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = FileSystemSource(manager, poll_seconds=0)
    add_version(1)
    source.watch([ModelConfig("half", folder)])
    assert manager.wait_ready(DEADLINE)
    find = watched.find_aspired

    def overtaken(config: ModelConfig) -> Aspired:
        found = find(config)
        source.watch([])
        return found

    monkeypatch.setattr(watched, "find_aspired", overtaken)
    source.poll_once()
    assert manager.models() == []
    await_state(manager, 1, State.END)
