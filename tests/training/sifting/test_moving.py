"""Rejected photos move with their subfolders, and nothing is overwritten or lost."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from lightship.errors import AlreadyExists, InvalidArgument
from lightship.training.sifting.finding import Photo, photos_below
from lightship.training.sifting.moving import check_target, move


@pytest.fixture(params=["links", "copies"])
def photo(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Photo:
    """A photo on a file system with hard links, and on one without."""
    if request.param == "copies":

        def refuse(*arguments: object, **options: object) -> None:
            raise OSError(errno.EXDEV, "Invalid cross-device link")

        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "photos" / "dog" / "1.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"photo")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    (found,) = photos_below(tmp_path / "photos").photos
    return found


def test_a_photo_moves_into_the_same_subfolder(photo: Photo, tmp_path: Path) -> None:
    assert move(photo, tmp_path / "out") is None
    moved = tmp_path / "out" / "dog" / "1.jpg"
    assert moved.read_bytes() == b"photo"
    assert moved.stat().st_mtime == 1_000_000_000
    assert not photo.path.exists()


def test_nothing_is_overwritten(photo: Photo, tmp_path: Path) -> None:
    taken = tmp_path / "out" / "dog" / "1.jpg"
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"another")
    error = move(photo, tmp_path / "out")
    assert isinstance(error, AlreadyExists)
    assert "exists already" in error.message
    assert (taken.read_bytes(), photo.path.read_bytes()) == (b"another", b"photo")


def test_a_photo_stays_whole_where_it_is_if_the_disk_is_full(
    photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    error = move(photo, tmp_path / "out")
    assert isinstance(error, InvalidArgument)
    assert "No space left" in error.message
    assert photo.path.read_bytes() == b"photo"
    assert not (tmp_path / "out" / "dog" / "1.jpg").exists()


def test_half_a_copy_is_removed(photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*arguments: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(os, "fsync", full)
    assert isinstance(move(photo, tmp_path / "out"), InvalidArgument)
    assert photo.path.read_bytes() == b"photo"
    assert list((tmp_path / "out" / "dog").iterdir()) == []


def test_a_photo_that_cannot_be_removed_is_not_there_twice(
    photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path == photo.path:
            raise PermissionError(errno.EACCES, "Permission denied")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    assert isinstance(move(photo, tmp_path / "out"), InvalidArgument)
    assert photo.path.exists()
    assert not (tmp_path / "out" / "dog" / "1.jpg").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_a_link_leads_to_the_same_photo_afterwards(tmp_path: Path) -> None:
    (tmp_path / "photos" / "dog").mkdir(parents=True)
    (tmp_path / "real.jpg").write_bytes(b"photo")
    (tmp_path / "photos" / "dog" / "link.jpg").symlink_to("../../real.jpg")
    (found,) = photos_below(tmp_path / "photos").photos
    assert move(found, tmp_path / "elsewhere" / "out") is None
    assert (tmp_path / "elsewhere" / "out" / "dog" / "link.jpg").read_bytes() == b"photo"
    assert not found.path.is_symlink()
    assert (tmp_path / "real.jpg").exists()


def test_the_target_must_be_a_folder_outside_of_the_photos(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "file").write_text("")
    check_target(tmp_path / "photos", tmp_path / "out")
    check_target(tmp_path / "photos", tmp_path)
    for target in (tmp_path / "photos", tmp_path / "photos" / "out", tmp_path / "x" / ".." / "photos" / "out"):
        with pytest.raises(InvalidArgument, match="give a folder outside of it"):
            check_target(tmp_path / "photos", target)
    with pytest.raises(InvalidArgument, match="is a file"):
        check_target(tmp_path / "photos", tmp_path / "file")
