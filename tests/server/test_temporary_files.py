"""A server starts although no usual folder for temporary files can be written to."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from lightship.server import temporary_files
from lightship.server.temporary_files import ensure_temporary_folder


@pytest.fixture(autouse=True)
def _first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)  # it is found once, and kept here


def only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets only this folder be one that can be written to: root may write everywhere."""

    def candidates() -> list[str]:
        return [one for one in (os.environ.get("TMPDIR"), str(folder / "read-only")) if one]

    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", candidates)
    monkeypatch.setattr(temporary_files, "_MEMORY", str(folder))


def test_temporary_files_are_in_memory_where_nothing_else_can_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "gone"))
    only(tmp_path, monkeypatch)
    with pytest.raises(FileNotFoundError):
        tempfile.gettempdir()
    ensure_temporary_folder()
    assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(tmp_path)


def test_a_folder_that_can_be_written_to_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    ensure_temporary_folder()
    assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(tmp_path)
