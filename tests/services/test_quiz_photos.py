"""The photos below the folder of a quiz: which count, their ids, how they are read, and links."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.quiz_models import JPEG

from lightship.errors import InvalidArgument, NotFound, TooLarge
from lightship.memory_budget import MemoryBudget
from lightship.services import quiz_photos
from lightship.services.quiz_photos import QuizPhoto, QuizPhotos

LIMIT = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "quiz"
    for name in ("pug/one.JPG", "pug/deep/two.png", "three.jpeg", "notes.txt", ".hidden.jpg", ".git/x.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(JPEG)
    return folder


def names(folder: Path) -> list[tuple[str, ...]]:
    return [photo.names for photo in QuizPhotos(folder).found().photos]


def read(photos: QuizPhotos, photo: str, limit: int = LIMIT) -> tuple[bytes, str]:
    with MemoryBudget(16 << 20).reservation() as memory:
        return photos.read(photo, limit, memory)


def test_image_files_at_any_depth_are_found_with_their_names(folder: Path) -> None:
    assert sorted(names(folder)) == [("deep", "pug", "two"), ("pug", "one"), ("three",)]


def test_each_process_finds_the_same_ids_and_they_do_not_tell_the_name(folder: Path) -> None:
    first, second = QuizPhotos(folder).found(), QuizPhotos(folder).found()
    assert first.photos == second.photos
    assert len(first.by_id) == 3
    assert not any("pug" in photo or "one" in photo for photo in first.by_id)


def test_a_photo_is_read_with_its_format(folder: Path) -> None:
    photos = QuizPhotos(folder)
    photo = next(one.id for one in photos.found().photos if one.names == ("three",))
    assert read(photos, photo) == (JPEG, "JPEG")


def test_links_are_followed_within_the_folder_only(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(JPEG)
    (folder / "out").symlink_to(outside)
    (folder / "secret.jpg").symlink_to(outside / "secret.jpg")
    (folder / "inside.jpg").symlink_to(folder / "pug" / "one.JPG")
    (folder / "again").symlink_to(folder / "pug")
    (folder / "pug" / "loop").symlink_to(folder)
    (folder / "nowhere.jpg").symlink_to(folder / "gone")
    assert sorted(names(folder)) == [("deep", "pug", "two"), ("inside",), ("pug", "one"), ("three",)]


def test_a_hidden_folder_is_reached_by_a_link_as_in_a_volume_of_kubernetes(folder: Path) -> None:
    (folder / "..data").mkdir()
    (folder / "..data" / "five.jpg").write_bytes(JPEG)
    (folder / "shown").symlink_to(folder / "..data")
    assert ("shown", "five") in names(folder)


def test_a_photo_that_becomes_a_link_out_of_the_folder_is_not_read(folder: Path, tmp_path: Path) -> None:
    photos = QuizPhotos(folder)
    photo = next(one for one in photos.found().photos if one.names == ("three",))
    (tmp_path / "secret.jpg").write_bytes(JPEG)
    (folder / "three.jpeg").unlink()
    (folder / "three.jpeg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(NotFound) as caught:
        read(photos, photo.id)
    assert "three" not in caught.value.message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_holds_up_nobody(folder: Path) -> None:
    photos = QuizPhotos(folder)
    photo = next(one for one in photos.found().photos if one.names == ("three",))
    (folder / "three.jpeg").unlink()
    os.mkfifo(folder / "three.jpeg")
    with pytest.raises(NotFound):
        read(photos, photo.id)
    assert ("three",) not in names(folder)


def test_what_is_too_large_or_no_image_is_refused_without_its_name(folder: Path) -> None:
    (folder / "pug" / "one.JPG").write_bytes(b"no image")
    photos = QuizPhotos(folder)
    by_names = {one.names: one.id for one in photos.found().photos}
    with pytest.raises(TooLarge, match="the limit is 10$") as large:
        read(photos, by_names["three",], limit=10)
    with pytest.raises(InvalidArgument, match="not an image") as wrong:
        read(photos, by_names["pug", "one"])
    assert "pug" not in large.value.message + wrong.value.message


def test_an_unknown_id_is_not_found(folder: Path) -> None:
    with pytest.raises(NotFound, match="begin a new game"):
        read(QuizPhotos(folder), "00")


def test_memory_is_counted_before_it_is_taken(folder: Path) -> None:
    (folder / "three.jpeg").write_bytes(JPEG + bytes(2 << 20))
    photos = QuizPhotos(folder)
    photo = next(one for one in photos.found().photos if one.names == ("three",))
    with MemoryBudget(1 << 20).reservation() as memory, pytest.raises(TooLarge, match="memory budget"):
        photos.read(photo.id, 16 << 20, memory)


def test_what_changes_is_seen_and_what_does_not_stays_the_same_object(folder: Path) -> None:
    photos = QuizPhotos(folder)
    before = photos.found()
    assert photos.found(0) is before
    (folder / "four.webp").write_bytes(JPEG)
    assert photos.found() is before
    assert len(photos.found(0).photos) == 4


def test_a_slow_folder_holds_up_one_thread_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = QuizPhotos(folder)
    before = photos.found()
    looking, go_on = threading.Event(), threading.Event()

    def slow(_: Path) -> Iterator[QuizPhoto]:
        looking.set()
        assert go_on.wait(60)
        return iter(())

    monkeypatch.setattr(quiz_photos, "_photos_below", slow)
    thread = threading.Thread(target=photos.found, args=(0,))
    thread.start()
    try:
        assert looking.wait(60)
        assert photos.found(0) is before
    finally:
        go_on.set()
        thread.join()
    assert photos.found().photos == ()


def test_the_number_of_photos_is_bounded(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(quiz_photos, "MAX_PHOTOS", 2)
    photos = QuizPhotos(folder)
    assert len(photos.found().photos) == len(photos.found(0).photos) == 2
    assert [
        record.message.endswith("has more than 2 photos; the quiz takes the first ones") for record in caplog.records
    ] == [True]


def test_the_number_of_entries_that_are_looked_at_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        (folder / f"{number}").mkdir()
    monkeypatch.setattr(quiz_photos, "_MAX_ENTRIES", 5)
    assert len(names(folder)) <= 5


def test_a_folder_that_is_gone_has_no_photos(tmp_path: Path) -> None:
    assert QuizPhotos(tmp_path / "gone").found().photos == ()
