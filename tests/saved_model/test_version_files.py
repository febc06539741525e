"""The files of a version folder, which need not be files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lightship.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from lightship.saved_model import version_files
from lightship.saved_model.version_files import check_version_files, open_file, read_file, walk


def names(folder: Path) -> list[str]:
    return [entry.name for entry in walk(folder)]


def test_everything_is_listed_in_order_and_behind_links(tmp_path: Path) -> None:
    (tmp_path / "1" / "b").mkdir(parents=True)
    (tmp_path / "1" / "b" / "file").write_text("x")
    (tmp_path / "1" / "a").write_text("x")
    (tmp_path / "1" / "c").symlink_to("b")
    assert names(tmp_path / "1") == ["", "a", "b", "b/file", "c", "c/file"]
    assert [entry.name for entry in walk(tmp_path / "1") if entry.linked] == ["c"]


def test_loops_end_and_links_to_nowhere_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "1" / "inner").mkdir(parents=True)
    (tmp_path / "1" / "inner" / "up").symlink_to("..")
    (tmp_path / "1" / "itself").symlink_to("itself")
    (tmp_path / "1" / "nowhere").symlink_to("gone")
    assert names(tmp_path / "1") == ["", "inner"]
    assert names(tmp_path / "gone") == []


def test_links_between_a_few_folders_do_not_make_millions_of_paths(tmp_path: Path) -> None:
    folders = 24
    for number in range(folders):
        (tmp_path / "1" / f"{number:02}").mkdir(parents=True)
        for link in "ab":
            (tmp_path / "1" / f"{number:02}" / link).symlink_to(f"../{number + 1:02}")
    check_version_files(tmp_path / "1", tmp_path)  # there are 2 ** 24 paths
    assert len(names(tmp_path / "1")) <= 1 + folders * (1 + 2 * version_files.MAX_PATHS)
    assert {f"{number:02}" for number in range(folders)} < set(names(tmp_path / "1"))


def test_folders_outside_are_listed_but_not_looked_into(tmp_path: Path) -> None:
    (tmp_path / "models" / "1").mkdir(parents=True)
    (tmp_path / "outside" / "deep").mkdir(parents=True)
    (tmp_path / "models" / "1" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "models" / "2").symlink_to("1")
    (tmp_path / "models" / "3").symlink_to(tmp_path / "outside")
    inside = tmp_path / "models"
    assert [entry.name for entry in walk(inside / "1", inside)] == ["", "link"]
    assert [entry.name for entry in walk(inside / "2", inside)] == ["", "link"]
    assert [entry.name for entry in walk(inside / "3", inside)] == ["", "deep"]  # the version itself is looked into
    assert names(inside / "1") == ["", "link", "link/deep"]


def test_a_file_is_a_version_of_itself(tmp_path: Path) -> None:
    (tmp_path / "7").write_text("x")
    assert names(tmp_path / "7") == [""]


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version_files, "MAX_ENTRIES", 3)
    for name in "abc":
        (tmp_path / name).write_text("")
    with pytest.raises(ResourceExhausted, match="has more than 3 files and folders"):
        names(tmp_path)


def test_what_cannot_be_a_model_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FailedPrecondition, match="pipe is a FIFO"):
        check_version_files(tmp_path)
    (tmp_path / "pipe").unlink()
    (tmp_path / "zeros").symlink_to("/dev/zero")
    with pytest.raises(FailedPrecondition, match="zeros is a device"):
        check_version_files(tmp_path)


def test_a_link_may_lead_anywhere_in_the_models_folder_however_that_is_called(tmp_path: Path) -> None:
    real, called = tmp_path / "real", tmp_path / "called"
    (real / "1").mkdir(parents=True)
    (real / "store").write_text("x")
    called.symlink_to("real")
    (real / "1" / "near").symlink_to("../store")
    check_version_files(called / "1", called)
    (real / "1" / "far").symlink_to(tmp_path)
    check_version_files(called / "1")
    with pytest.raises(FailedPrecondition, match=f"far is a link to {tmp_path}, which is outside"):
        check_version_files(called / "1", called)


def test_a_file_is_opened_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    with open_file(tmp_path / "file") as file:
        assert file.read() == b"text"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FailedPrecondition, match="pipe is not a file"):
        open_file(tmp_path / "pipe")
    with pytest.raises(FailedPrecondition, match="/dev/zero is not a file"):
        open_file(Path("/dev/zero"))
    with pytest.raises(InvalidArgument, match="is a folder"):
        open_file(tmp_path)
    with pytest.raises(NotFound, match="gone does not exist"):
        open_file(tmp_path / "gone")


def test_a_file_is_read_within_its_limit(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    assert read_file(tmp_path / "file", 4) == b"text"
    with pytest.raises(ResourceExhausted, match="file has 4 bytes; at most 3 are read"):
        read_file(tmp_path / "file", 3)
