"""A lock on a folder keeps others out until it is released or its process ends, on systems of both kinds."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from lightship import locks
from lightship.locks import FolderLock, try_lock, wait_for_lock

HOLDER = """
import sys, time
from pathlib import Path
from lightship.locks import try_lock
assert try_lock(Path(sys.argv[1]), Path(sys.argv[2]))
print("locked", flush=True)
time.sleep(600)
"""


def _locking(file: int, mode: int, size: int) -> None:
    """Locks as `msvcrt.locking` does, with the same error."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PermissionError(13, "Permission denied") from error


@pytest.fixture(params=["folder", "stand-in"])
def stand_in(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The path of the stand-in, in a system that locks folders and in one that locks files only."""
    if request.param == "stand-in":
        monkeypatch.setattr(locks, "_fcntl", None)
        monkeypatch.setattr(locks, "_msvcrt", SimpleNamespace(locking=_locking, LK_NBLCK=2))
    yield tmp_path / ".lock"
    assert not (tmp_path / ".lock").exists()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def locked(folder: Path, stand_in: Path) -> FolderLock:
    lock = try_lock(folder, stand_in)
    assert lock is not None
    return lock


def test_nobody_else_gets_the_lock_before_it_is_released(folder: Path, stand_in: Path) -> None:
    lock = locked(folder, stand_in)
    assert try_lock(folder, stand_in) is None
    lock.release()
    locked(folder, stand_in).release()


def test_who_waits_gets_the_lock_when_it_is_released(folder: Path, stand_in: Path) -> None:
    lock = locked(folder, stand_in)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait_for_lock, folder, stand_in)
        assert not waiting.done()
        lock.release()
        waiting.result(60).release()


def test_only_one_of_many_threads_is_in_the_lock(folder: Path, stand_in: Path) -> None:
    inside: list[int] = []
    seen: list[int] = []

    def enter(number: int) -> None:
        lock = wait_for_lock(folder, stand_in)
        inside.append(number)
        seen.append(len(inside))
        inside.remove(number)
        lock.release()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(enter, range(40)))
    assert seen == [1] * 40


def test_a_lock_tells_the_status_of_its_folder(folder: Path, stand_in: Path) -> None:
    lock = locked(folder, stand_in)
    assert lock.status.st_ino == folder.stat().st_ino
    lock.release()


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path, stand_in: Path) -> None:
    with pytest.raises(FileNotFoundError):
        try_lock(tmp_path / "none", stand_in)
    with pytest.raises(FileNotFoundError):
        wait_for_lock(tmp_path / "none", stand_in)


def test_a_lock_ends_with_its_process(folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(folder), str(tmp_path / ".lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        assert try_lock(folder, tmp_path / ".lock") is None
        holder.send_signal(signal.SIGKILL)
        holder.wait(60)
    wait_for_lock(folder, tmp_path / ".lock").release()


def test_a_link_is_followed_only_if_it_may_be(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(OSError, match="link"):
        try_lock(tmp_path / "link", tmp_path / ".lock", follow_links=False)
    locked(tmp_path / "link", tmp_path / ".lock").release()


def test_a_system_without_locks_is_an_error(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_fcntl", None)
    monkeypatch.setattr(locks, "_msvcrt", None)
    with pytest.raises(OSError, match="no file locks"):
        try_lock(folder, tmp_path / ".lock")
