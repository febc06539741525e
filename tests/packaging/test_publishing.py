"""Versions appear all at once, each exporter gets its own, and what was killed leaves none."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.packaging.conftest import entries

from lightship.errors import AlreadyExists, InvalidArgument, PermissionDenied, ResourceExhausted
from lightship.packaging import publishing
from lightship.packaging.exporting import export
from lightship.packaging.publishing import PREFIX, check_folder, publish, staging_folder
from lightship.saved_model.versions import explain_model_folder, list_versions

WRITER = """
import sys, time
from pathlib import Path
from lightship.packaging.publishing import staging_folder
with staging_folder(Path(sys.argv[1])) as path:
    (path / "saved_model.pb").write_bytes(b"half")
    print(path, flush=True)
    time.sleep(600)
"""


def write(folder: Path, version: int | None = None, content: str = "new", overwrite: bool = False) -> Path:
    with staging_folder(folder) as path:
        (path / "variables").mkdir()
        (path / "variables" / "a").write_text(content)
        return publish(path, folder, version, overwrite)


def test_a_model_is_not_written_into_a_version_or_to_an_address(tmp_path: Path) -> None:
    """A server would not find it there, and the version would have files that it was not published with."""
    version = tmp_path / "dog" / "1"
    version.mkdir(parents=True)
    (version / "saved_model.pb").touch()
    expected = {
        version: "is a version of a model.*dog, with version=1, overwrite=True to replace it",
        f"{version}/": "is a version of a model",
        tmp_path / "cat" / "3": "looks like a version of a model.*cat, with version=3 to choose the number",
        "s3://bucket/models/dog": "is an address, not a folder",
        None: "the folder is a NoneType: give the trained model first",
    }
    for folder, text in expected.items():
        with pytest.raises(InvalidArgument, match=text):
            export("no_model.keras", folder)  # type: ignore[arg-type]
    (tmp_path / "2026" / "1").mkdir(parents=True)
    check_folder(tmp_path / "2026")  # the folder of a model that is called like this
    check_folder("C://models/dog")  # a folder of Windows


def test_versions_count_up_and_nothing_else_is_left(tmp_path: Path) -> None:
    assert [write(tmp_path / "m").name for _ in range(3)] == ["1", "2", "3"]
    assert entries(tmp_path / "m") == {"1", "2", "3"}
    assert write(tmp_path / "m", 20).name == "20"
    assert write(tmp_path / "m").name == "21"


def test_nothing_is_left_of_what_fails(tmp_path: Path) -> None:
    def fail() -> None:
        with staging_folder(tmp_path / "models" / "m") as path:
            (path / "saved_model.pb").write_bytes(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert entries(tmp_path) == set()


def test_a_server_sees_no_version_before_it_is_whole(tmp_path: Path) -> None:
    with staging_folder(tmp_path / "m") as path:
        (path / "saved_model.pb").write_bytes(b"half")
        assert list_versions(tmp_path / "m") == {}
        assert "is empty" in (explain_model_folder(tmp_path / "m") or "")


def test_many_at_once_get_a_version_each(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        names = sorted(int(path.name) for path in pool.map(lambda _: write(tmp_path / "m"), range(24)))
    assert names == list(range(1, 25))
    assert all((tmp_path / "m" / str(name) / "variables" / "a").read_text() == "new" for name in names)


@pytest.mark.parametrize("there", ["empty folder", "file"])
def test_whatever_has_a_number_is_left_alone(tmp_path: Path, there: str) -> None:
    (tmp_path / "1").touch() if there == "file" else (tmp_path / "1").mkdir()
    assert write(tmp_path).name == "2"
    with pytest.raises(AlreadyExists, match=r"leave version= out .* overwrite=True"):
        write(tmp_path, 1)
    assert entries(tmp_path) == {"1", "2"}


@pytest.mark.parametrize("swaps", [True, False])
def test_a_version_is_replaced_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swaps: bool) -> None:
    if not swaps:
        monkeypatch.setattr(publishing.ctypes, "CDLL", lambda *_, **__: object())
    write(tmp_path, 5, "old")
    assert write(tmp_path, 5, "new", overwrite=True) == tmp_path / "5"
    assert (tmp_path / "5" / "variables" / "a").read_text() == "new"
    assert write(tmp_path, 6, overwrite=True) == tmp_path / "6"
    assert entries(tmp_path) == {"5", "6"}


def test_an_old_version_is_whole_until_the_new_one_is(tmp_path: Path) -> None:
    write(tmp_path, 5, "old")
    with pytest.raises(ZeroDivisionError), staging_folder(tmp_path):
        raise ZeroDivisionError
    assert (tmp_path / "5" / "variables" / "a").read_text() == "old"


def test_what_was_killed_leaves_no_version_and_is_cleared_by_the_next(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        left = Path(writer.stdout.readline().strip())
        write(tmp_path)
        assert left.exists()  # it is still being written to
        writer.send_signal(signal.SIGKILL)
    assert (left / "saved_model.pb").exists()
    assert list_versions(tmp_path).keys() == {1}
    write(tmp_path)
    assert entries(tmp_path) == {"1", "2"}


def test_the_highest_number_has_no_next(tmp_path: Path) -> None:
    write(tmp_path, 2**63 - 1)
    with pytest.raises(InvalidArgument, match="with version="):
        write(tmp_path)


def test_a_place_that_cannot_be_written_to_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidArgument, match="not a folder"):
        write(tmp_path / "file")
    with pytest.raises((InvalidArgument, PermissionDenied)):
        write(Path("/proc/no-such-folder"))


def test_other_users_may_read_a_version(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        assert write(tmp_path).stat().st_mode & 0o777 == 0o755
    finally:
        os.umask(umask)
    assert not any(name.startswith(PREFIX) for name in entries(tmp_path))


def test_versions_are_published_where_the_file_system_has_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    assert [write(tmp_path / "m").name for _ in range(2)] == ["1", "2"]
    assert entries(tmp_path / "m") == {"1", "2"}
    left = tmp_path / "m" / f"{PREFIX}another"
    left.mkdir()
    assert write(tmp_path / "m").name == "3"
    assert left.exists(), "another exporter may be writing it"


@pytest.mark.parametrize("swaps", [True, False])
def test_a_link_that_was_a_version_is_replaced_by_the_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swaps: bool
) -> None:
    """The files that it leads to stay: they are not the exporter's."""
    if not swaps:
        monkeypatch.setattr(publishing.ctypes, "CDLL", lambda *_, **__: object())
    (tmp_path / "built").mkdir()
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "1").symlink_to(tmp_path / "built")
    (tmp_path / "m" / f"{PREFIX}killed").symlink_to(tmp_path / "built")
    assert write(tmp_path / "m", 1, overwrite=True).is_symlink() is False
    assert entries(tmp_path / "m") == {"1"}
    assert (tmp_path / "built").is_dir()


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        OSError(errno.ENOSPC, "There is not enough space on the disk"),  # as Windows says it
        RuntimeError("part-00000; No space left on device"),
    ],
)
def test_a_full_disk_is_named_whatever_library_notices_it(tmp_path: Path, error: Exception) -> None:
    def fail() -> None:
        with staging_folder(tmp_path / "m"):
            raise error

    with pytest.raises(ResourceExhausted, match=f"{tmp_path / 'm'} cannot be written to, because no space is left on"):
        fail()
    assert entries(tmp_path) == set()
