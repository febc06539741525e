"""Where an unfinished training is kept: whole files, one process at a time, and errors that say what to do."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.training.run.test_phases import epochs
from tests.training.run.test_state import NEW

from lightship.errors import Aborted, DataLoss, InvalidArgument, PermissionDenied, ResourceExhausted
from lightship.training.run.run_folder import RunFolder, run_folder

ARRAYS = {"model/0": np.arange(6, dtype=np.float32).reshape(2, 3), "optimizer/0": np.array(7)}


def names(folder: RunFolder) -> set[str]:
    return {path.name for path in folder.path.iterdir()}


def test_a_state_and_its_arrays_are_read_again(tmp_path: Path) -> None:
    with run_folder(tmp_path / "cars") as folder:
        assert folder.read_state() is None
        folder.write_arrays("epoch-1.npz", ARRAYS)
        state = NEW.with_epoch(epochs(1)[0], "epoch-1.npz")
        folder.write_state(state)
        found = folder.read_state()
        assert found is not None
        assert found.epochs == state.epochs
        arrays = folder.read_arrays(found.last_file)
    assert arrays.keys() == ARRAYS.keys()
    assert all(np.array_equal(arrays[name], ARRAYS[name]) for name in ARRAYS)


def test_a_path_that_is_not_utf_8_is_kept(tmp_path: Path) -> None:
    settings = {"--base": "t\udce9ny.keras"}
    with run_folder(tmp_path / "cars") as folder:
        folder.write_state(replace(NEW, settings=settings))
        found = folder.read_state()
    assert found is not None
    assert found.settings == settings


def test_files_that_the_state_does_not_need_are_removed(tmp_path: Path) -> None:
    with run_folder(tmp_path) as folder:
        state = NEW
        for number, epoch in enumerate(epochs(1, 3, 2), 1):
            folder.write_arrays(f"epoch-{number}.npz", ARRAYS)
            state = state.with_epoch(epoch, f"epoch-{number}.npz")
            folder.write_state(state)
        assert names(folder) == {"state.json", "epoch-1.npz", "epoch-3.npz"}


def test_nothing_is_left_of_a_training_that_kept_nothing(tmp_path: Path) -> None:
    with run_folder(tmp_path / "models" / "cars") as folder:
        folder.write_state(NEW)
        folder.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_second_training_into_the_folder_is_refused(tmp_path: Path) -> None:
    with (
        run_folder(tmp_path),
        pytest.raises(Aborted, match="another process trains into"),
        run_folder(tmp_path),
    ):
        pass
    with run_folder(tmp_path):
        pass


def test_a_process_that_was_killed_holds_no_lock(tmp_path: Path) -> None:
    script = (
        "import os, sys, signal; from pathlib import Path; from lightship.training.run.run_folder import run_folder\n"
        "with run_folder(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert ended.returncode == -9
    assert (tmp_path / ".training").is_dir()
    with run_folder(tmp_path):
        pass


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 9}'])
def test_a_broken_state_says_what_to_do(tmp_path: Path, text: str) -> None:
    with run_folder(tmp_path) as folder:
        (folder.path / "state.json").write_text(text)
        with pytest.raises(DataLoss, match="--restart"):
            folder.read_state()
        folder.clear()


def test_broken_arrays_say_what_to_do(tmp_path: Path) -> None:
    with run_folder(tmp_path) as folder:
        folder.write_arrays("epoch-1.npz", ARRAYS)
        path = folder.path / "epoch-1.npz"
        for content in (path.read_bytes()[:-40], b"", b"\x93NUMPY" + bytes(40)):
            path.write_bytes(content)
            with pytest.raises(DataLoss, match="--restart"):
                folder.read_arrays("epoch-1.npz")
        folder.clear()


def test_a_disk_that_is_full_keeps_the_state_before(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")  # Windows has no limits of files
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with run_folder(tmp_path) as folder:
        folder.write_arrays("epoch-1.npz", ARRAYS)
        folder.write_state(NEW.with_epoch(epochs(1)[0], "epoch-1.npz"))
        before = names(folder)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 12, limits[1]))
        try:
            with pytest.raises(ResourceExhausted, match="free some space, and run the same command again"):
                folder.write_arrays("epoch-2.npz", {"model/0": np.zeros(1 << 12)})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert names(folder) == before
        folder.clear()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_an_error_at_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionDenied, match="cannot be written to"), run_folder(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_an_error_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **options: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(PermissionDenied, match="Read-only file system"), run_folder(tmp_path):
        pass


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "cars").touch()
    with pytest.raises(InvalidArgument, match="is not a folder"), run_folder(tmp_path / "cars"):
        pass
    (tmp_path / ".training").touch()
    with pytest.raises(InvalidArgument, match="remove it"), run_folder(tmp_path):
        pass
