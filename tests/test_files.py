"""Reading files: each failure becomes an error that names the path and says what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lightship.errors import InvalidArgument, LightshipError, NotFound, PermissionDenied, TooLarge
from lightship.files import list_error, read_bytes, read_error, read_regular, where_images_belong


def test_a_file_is_read_whole_or_up_to_a_limit(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"123456")
    assert read_bytes(tmp_path / "file") == b"123456"
    assert read_bytes(str(tmp_path / "file"), 4) == b"1234"


def test_a_regular_file_is_read_up_to_a_size(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"123456")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "link", 6) == b"123456"
    with pytest.raises(TooLarge, match="file has more than 0 MiB"):
        read_regular(tmp_path / "file", 5)
    with pytest.raises(NotFound, match="none does not exist"):
        read_regular(tmp_path / "none", 5)
    with pytest.raises(InvalidArgument, match="is a folder"):
        read_regular(tmp_path, 5)


def test_a_pipe_and_a_device_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "endless.jpg").symlink_to("/dev/zero")
    for name in ("pipe.jpg", "endless.jpg"):
        with pytest.raises(InvalidArgument, match=f"{name} is not a regular file"):
            read_regular(tmp_path / name, 5)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=f"^{tmp_path}/none does not exist: give the path of a file$"):
        read_bytes(tmp_path / "none")
    with pytest.raises(InvalidArgument, match=f"^{tmp_path} is a folder: give the path of a file$"):
        read_bytes(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_the_right_to_read_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "secret").touch(mode=0)
    with pytest.raises(PermissionDenied, match="secret cannot be read: give this user the right to read it"):
        read_bytes(tmp_path / "secret")


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (PermissionError(13, "Permission denied"), PermissionDenied, "x cannot be read: give this user the right to"),
        (NotADirectoryError(20, "Not a directory"), NotFound, "x does not exist"),
        (OSError(5, "Input/output error"), InvalidArgument, "x cannot be read: Input/output error"),
    ],
)
def test_every_failure_of_reading_has_an_error(error: OSError, kind: type[LightshipError], text: str) -> None:
    found = read_error("x", error)
    assert type(found) is kind
    assert text in found.message


def test_a_folder_that_cannot_be_listed_has_an_error() -> None:
    denied = list_error("x", PermissionError(13, "Permission denied"))
    assert isinstance(denied, PermissionDenied)
    assert denied.message == "x cannot be read: give this user the right to list it"
    assert list_error("x", OSError(36, "File name too long")).message == "x cannot be listed: File name too long"


def test_a_folder_without_images_names_the_first_of_its_folders_with_images(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert where_images_belong(tmp_path).startswith("put .jpg, .jpeg, ")
    for name in ("c", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.PNG").touch()
    text = f"its subfolders are not searched; give one of them, such as {tmp_path / 'b'}"
    assert where_images_belong(tmp_path) == text
    assert where_images_belong(tmp_path / "none").startswith("put ")
