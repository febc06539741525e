"""The digests of a version's files are computed once for as long as the files do not change."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from lightship.errors import NotFound
from lightship.saved_model import digests as module
from lightship.saved_model.digests import Digests


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    names: list[Path] = []
    original = module.open_file

    def counted(path: Path) -> object:
        names.append(path)
        return original(path)

    monkeypatch.setattr(module, "open_file", counted)
    return names


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes files that were written just now old ones."""
    monkeypatch.setattr(module.time, "time_ns", lambda now=time.time_ns: now() + 60_000_000_000)


@pytest.mark.usefixtures("later")
def test_a_file_is_read_once(tmp_path: Path, opened: list[Path]) -> None:
    (tmp_path / "a").write_bytes(b"weights")
    digests = Digests(tmp_path)
    expected = (7, hashlib.sha256(b"weights").hexdigest())
    assert [digests.of("a"), digests.of("a")] == [expected, expected]
    assert opened == [tmp_path / "a"]


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("replaced", [False, True])
def test_a_changed_file_is_read_again_even_if_its_size_and_time_are_the_same(tmp_path: Path, replaced: bool) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    os.utime(file, (1, 1))
    digests = Digests(tmp_path)
    first = digests.of("a")
    if replaced:
        (tmp_path / "b").write_bytes(b"two")
        (tmp_path / "b").rename(file)
    else:
        time.sleep(0.02)  # the clock of the file system ticks every few milliseconds
        file.write_bytes(b"two")
    os.utime(file, (1, 1))
    assert digests.of("a") != first
    assert digests.of("a").sha256 == hashlib.sha256(b"two").hexdigest()


def test_a_file_that_was_just_written_is_read_each_time(
    tmp_path: Path, opened: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    monkeypatch.setattr(module.time, "time_ns", lambda: now)  # else the file may become old between the two
    (tmp_path / "a").write_bytes(b"weights")
    digests = Digests(tmp_path)
    assert digests.of("a") == digests.of("a")
    assert len(opened) == 2


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Digests(tmp_path).of("a")
