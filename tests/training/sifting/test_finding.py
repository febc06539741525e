"""All photos below a folder are found, with the class and the split of their folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lightship.datasets import find_photos
from lightship.training.sifting.finding import FoundPhotos, photos_below


def found_in(folder: Path, *names: str) -> FoundPhotos:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return photos_below(folder)


def places(found: FoundPhotos) -> list[str]:
    return [photo.place.as_posix() for photo in found.photos]


def test_photos_are_found_however_deep_in_the_order_of_their_paths(tmp_path: Path) -> None:
    found = found_in(tmp_path, "b.JPG", "a/z.png", "a/deep/er/y.webp", "ü/ß ñ.jpeg", "notes.txt", "a/list.csv")
    assert places(found) == ["a/deep/er/y.webp", "a/z.png", "b.JPG", "ü/ß ñ.jpeg"]
    assert found.photos[0].path == tmp_path / "a/deep/er/y.webp"
    assert found.skipped == ()


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    assert places(found_in(tmp_path, ".a.jpg", ".thumbnails/b.jpg", "__MACOSX/d.jpg", "c.jpg")) == ["c.jpg"]


def test_the_first_folder_is_the_class(tmp_path: Path) -> None:
    found = found_in(tmp_path, "cat/1.jpg", "dog/old/2.jpg", "3.jpg")
    assert [(photo.label, photo.split) for photo in found.photos] == [(None, None), ("cat", None), ("dog", None)]


def test_the_names_of_a_split_are_those_that_a_training_knows(tmp_path: Path) -> None:
    found = found_in(tmp_path, "Training/cat/1.jpg", "Val/dog/2.jpg", "testing/dog/3.jpg")
    assert [(photo.label, photo.split) for photo in found.photos] == [("cat", "train"), ("dog", "val"), ("dog", "test")]


def test_below_a_split_the_second_folder_is_the_class(tmp_path: Path) -> None:
    found = found_in(tmp_path, "train/cat/1.jpg", "Validation/dog/2.jpg", "test/dog/3.jpg", "val/4.jpg")
    assert {photo.place.as_posix(): (photo.label, photo.split) for photo in found.photos} == {
        "train/cat/1.jpg": ("cat", "train"),
        "Validation/dog/2.jpg": ("dog", "val"),
        "test/dog/3.jpg": ("dog", "test"),
        "val/4.jpg": (None, "val"),
    }


@pytest.mark.parametrize("other", ["bus/2.jpg", "train/2.jpg", "3.jpg"])
def test_a_class_may_be_called_train(tmp_path: Path, other: str) -> None:
    found = found_in(tmp_path, "train/1.jpg", other)
    assert [photo.label for photo in found.photos if photo.place.name == "1.jpg"] == ["train"]


def test_an_empty_folder_has_no_photos(tmp_path: Path) -> None:
    assert photos_below(tmp_path) == FoundPhotos((), ())


@pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes")
def test_links_to_folders_are_followed_once_and_pipes_are_skipped(tmp_path: Path) -> None:
    found_in(tmp_path / "elsewhere", "2.jpg")
    tmp_path = tmp_path / "photos"
    found_in(tmp_path, "a/1.jpg")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to("../elsewhere")
    (tmp_path / "0").symlink_to("a")
    (tmp_path / "a" / "link.jpg").symlink_to("1.jpg")
    (tmp_path / "a" / "gone.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(tmp_path / "a" / "pipe.jpg")
    found = photos_below(tmp_path)
    assert places(found) == ["a/1.jpg", "a/link.jpg", "b/2.jpg"]
    assert [one.path.name for one in found.skipped] == ["gone.jpg", "pipe.jpg"]
    assert "not a regular file" in found.skipped[1].reason


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_listed_is_skipped(tmp_path: Path) -> None:
    found_in(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "a").chmod(0)
    found = photos_below(tmp_path)
    (tmp_path / "a").chmod(0o755)
    assert places(found) == ["b/2.jpg"]
    assert "give this user the right to list it" in found.skipped[0].reason


def test_a_folder_that_goes_away_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found_in(tmp_path, "a/1.jpg", "b/2.jpg")
    scan = os.scandir

    def without_a(path: Path) -> object:
        if Path(path).name == "a":
            raise FileNotFoundError(2, "No such file or directory")
        return scan(path)

    monkeypatch.setattr(os, "scandir", without_a)
    found = photos_below(tmp_path)
    assert places(found) == ["b/2.jpg"]
    assert [one.path.name for one in found.skipped] == ["a"]


def test_a_split_is_what_a_training_takes_for_one_even_beside_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    found = found_in(tmp_path, "train/cat/1.jpg", "train/dog/2.jpg")
    assert [(photo.label, photo.split) for photo in found.photos] == [("train", None), ("train", None)]
    assert {photo.label for photo in find_photos(tmp_path).photos} == {"train"}
