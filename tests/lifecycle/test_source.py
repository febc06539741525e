"""Which versions a folder has, as it changes."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.lifecycle.conftest import DEADLINE, await_state

from lightship.lifecycle import FileSystemSource, Manager, ModelConfig, State

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
    assert source.explanations()["half"] in caplog.messages[1]


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
