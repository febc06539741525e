"""What of a version folder goes into an image."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lightship.docker import version_files as module
from lightship.docker.version_files import version_files
from lightship.errors import InvalidArgument, ResourceExhausted


@pytest.fixture
def version(tmp_path: Path) -> Path:
    folder = tmp_path / "dog" / "1"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"index")
    return folder


def names(folder: Path, *wanted: str) -> list[str]:
    return [entry.name for entry in version_files(folder, folder.parent, wanted).entries]


def test_folders_come_before_their_files_and_names_in_order(version: Path) -> None:
    (version / "assets").mkdir()
    (version / "fingerprint.pb").write_bytes(b"1")
    assert names(version) == ["assets", "fingerprint.pb", "saved_model.pb", "variables", "variables/variables.index"]
    assert version_files(version, version.parent).size == len("graph" + "index" + "1")


@pytest.mark.parametrize("name", [".DS_Store", "variables/._variables.index", "Thumbs.db", ".git", "saved_model.pb~"])
def test_what_a_desktop_or_an_editor_leaves_is_left_out(version: Path, name: str) -> None:
    before = names(version)
    (version / name).write_bytes(b"x")
    assert names(version) == before
    assert version_files(version, version.parent).left_out == (name,)


def test_what_the_manifest_names_is_never_left_out(version: Path) -> None:
    (version / "assets" / ".hidden").mkdir(parents=True)
    (version / "assets" / ".hidden" / "vocabulary~").write_bytes(b"x")
    assert "assets/.hidden/vocabulary~" in names(version, "assets/.hidden/vocabulary~")
    assert "assets/.hidden" not in names(version)


def test_links_within_the_model_are_followed(version: Path) -> None:
    shared = version.parent / "shared"
    shared.mkdir()
    (shared / "vocabulary.txt").write_bytes(b"words")
    (version / "assets").symlink_to("../shared")
    (version / "fingerprint.pb").symlink_to("saved_model.pb")
    found = {entry.name: entry for entry in version_files(version, version.parent).entries}
    assert found["assets/vocabulary.txt"].size == 5
    assert found["fingerprint.pb"].size == 5
    assert found["assets"].source is None


def test_a_version_that_is_itself_a_link_may_lie_anywhere(version: Path, tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "2").symlink_to(version)
    assert names(tmp_path / "cat" / "2") == ["saved_model.pb", "variables", "variables/variables.index"]


def test_a_link_out_of_the_model_is_refused(version: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (version / "assets.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidArgument, match=r"assets.txt is a symbolic link out of the model's folder, to .*/secret"):
        names(version)


@pytest.mark.parametrize("target", ["nowhere", "loop"])
def test_a_link_to_nothing_is_refused(version: Path, target: str) -> None:
    (version / "loop").symlink_to(target)
    with pytest.raises(InvalidArgument, match="loop is a symbolic link to nothing"):
        names(version)


def test_a_link_to_a_folder_above_is_refused(version: Path) -> None:
    (version / "variables" / "again").symlink_to("..")
    with pytest.raises(InvalidArgument, match="again is a symbolic link to a folder that contains it"):
        names(version)


def test_what_is_no_file_is_refused(version: Path) -> None:
    os.mkfifo(version / "pipe")
    with pytest.raises(InvalidArgument, match="pipe is neither a file nor a folder"):
        names(version)


def test_a_name_that_is_no_text_is_refused(version: Path) -> None:
    (version / os.fsdecode(b"\xff\n")).write_bytes(b"")
    with pytest.raises(InvalidArgument, match="not printable text"):
        names(version)


def test_links_between_folders_do_not_multiply_without_end(version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 50)
    for level in range(8):
        (version / f"level{level}").mkdir()
        for number in range(3):
            (version / f"level{level}" / str(number)).symlink_to(f"../level{level + 1}")
    (version / "level8").mkdir()
    with pytest.raises(ResourceExhausted, match="more than 50 files"):
        names(version)
