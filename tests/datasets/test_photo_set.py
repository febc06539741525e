"""The photos of a training."""

from __future__ import annotations

import os
import random
import shutil
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from tests.datasets.photo_files import write_classes, write_photo

from lightship.datasets import LabelledPhoto, PhotoSet, class_weights, read_photo_set, reading
from lightship.datasets.splitting import split
from lightship.errors import InvalidArgument, NotFound


def names(photos: tuple[LabelledPhoto, ...]) -> list[str]:
    return [f"{photo.label}/{photo.path.name}" for photo in photos]


def reasons(photos: PhotoSet) -> dict[str, str]:
    return {one.path.name: one.reason for one in photos.unreadable}


def test_each_class_gives_the_same_share_for_validation(tmp_path):
    photos = read_photo_set(write_classes(tmp_path, cat=20, dog=10, owl=5), valid_share=0.2)
    assert Counter(photo.label for photo in photos.valid) == {"cat": 4, "dog": 2, "owl": 1}
    assert photos.counts() == {"cat": 16, "dog": 8, "owl": 4}
    assert photos.classes == ("cat", "dog", "owl")
    assert not {photo.path for photo in photos.train} & {photo.path for photo in photos.valid}


def test_the_split_depends_on_the_seed_and_not_on_the_place(tmp_path):
    source = write_classes(tmp_path / "one", cat=20, dog=20)
    copy = shutil.copytree(source, tmp_path / "two" / "deeper")
    first, second = read_photo_set(source, seed=3), read_photo_set(copy, seed=3)
    assert names(first.valid) == names(second.valid)
    assert names(first.valid) != names(read_photo_set(source, seed=4).valid)


def test_a_further_photo_moves_few_of_the_others():
    photos = [LabelledPhoto(Path(f"{number}.jpg"), "cat") for number in range(100)]
    before, after = (
        {photo for photo in split(some, {photo: photo.path.name for photo in some}, 0.2, 0)[1]}
        for some in (photos[:99], photos)
    )
    assert len(before ^ after) <= 3


@pytest.mark.parametrize(("count", "valid"), [(1, 0), (2, 1), (3, 1), (10, 9)])
def test_a_class_keeps_a_photo_in_each_part(count, valid):
    photos = [LabelledPhoto(Path(f"{number}.jpg"), "cat") for number in range(count)]
    share = 0.99 if count == 10 else 0.01
    assert len(split(photos, {photo: photo.path.name for photo in photos}, share, 0)[1]) == valid


def test_the_order_of_the_photos_does_not_change_the_split():
    photos = [LabelledPhoto(Path(f"{number}.jpg"), "ab"[number % 2]) for number in range(50)]
    mixed = random.Random(0).sample(photos, len(photos))
    drawn = [set(split(some, {photo: photo.path.name for photo in some}, 0.3, 1)[1]) for some in (photos, mixed)]
    assert drawn[0] == drawn[1]


def test_the_split_is_the_same_where_names_are_decomposed():
    drawn = []
    for form in ("NFC", "NFD"):
        photos = [LabelledPhoto(Path(str(number)), "cat") for number in range(50)]
        photo_names = {photo: unicodedata.normalize(form, f"é{photo.path}") for photo in photos}
        drawn.append(split(photos, photo_names, 0.3, 0)[1])
    assert drawn[0] == drawn[1]


def test_classes_with_few_photos_are_named_and_left_out_or_kept(tmp_path):
    write_classes(tmp_path, cat=5, dog=5, owl=2, bee=0)
    photos = read_photo_set(tmp_path, min_photos=3)
    assert photos.rare == {"bee": 0, "owl": 2}
    assert (photos.classes, photos.rare_kept) == (("cat", "dog"), False)
    kept = read_photo_set(tmp_path, min_photos=3, keep_rare=True)
    assert (kept.classes, kept.rare_kept) == (("cat", "dog", "owl"), True)
    assert kept.rare == {"bee": 0, "owl": 2}


def test_a_class_without_a_photo_that_can_be_used_is_named(tmp_path):
    write_classes(tmp_path, bee=5, cat=5, dog=5, owl=0)
    for number in range(3):
        (tmp_path / "owl" / f"{number}.jpg").write_text("<!DOCTYPE html>")
        shutil.copy(tmp_path / "dog" / f"{number}.png", tmp_path / "owl" / f"{number}.png")
    assert read_photo_set(tmp_path, min_photos=1).rare == {"owl": 0}


def test_files_that_cannot_be_decoded_are_skipped_and_do_not_count(tmp_path):
    write_classes(tmp_path, cat=5, dog=5)
    (tmp_path / "cat" / "text.jpg").write_text("no photo")
    (tmp_path / "cat" / "empty.png").write_bytes(b"")
    whole = (tmp_path / "cat" / "0.png").read_bytes()
    (tmp_path / "cat" / "half.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "cat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    photos = read_photo_set(tmp_path)
    found = reasons(photos)
    assert set(found) == {"text.jpg", "empty.png", "half.png", "gone.png"}
    assert "does not exist" in found["gone.png"]
    assert len(photos.train) + len(photos.valid) == 10
    assert len(read_photo_set(tmp_path, check=False).unreadable) == 0


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")
def test_what_is_no_file_is_skipped_at_once(tmp_path):
    write_classes(tmp_path, cat=5, dog=5)
    os.mkfifo(tmp_path / "cat" / "pipe.png")
    os.symlink("itself.png", tmp_path / "cat" / "itself.png")
    found = reasons(read_photo_set(tmp_path))
    assert set(found) == {"pipe.png", "itself.png"}
    assert "not a regular file" in found["pipe.png"]


def test_a_large_file_is_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_PHOTO_BYTES", 1000)
    write_classes(tmp_path, cat=5, dog=5)
    (tmp_path / "cat" / "large.png").write_bytes(bytes(1001))
    assert "has more than" in reasons(read_photo_set(tmp_path))["large.png"]


def test_missing_photos_of_a_list_are_named(tmp_path):
    for number in range(10):
        write_photo(tmp_path / f"{number}.png")
    rows = "".join(f"{number}.png,{'ab'[number % 2]}\n" for number in range(12))
    (tmp_path / "list.csv").write_text(rows)
    found = reasons(read_photo_set(tmp_path / "list.csv"))
    assert set(found) == {"10.png", "11.png"}
    assert all("does not exist" in reason for reason in found.values())


def test_a_photo_that_is_there_twice_is_used_once(tmp_path):
    write_classes(tmp_path, cat=5, dog=5)
    shutil.copy(tmp_path / "cat" / "0.png", tmp_path / "cat" / "copy.png")
    photos = read_photo_set(tmp_path)
    assert "same photo" in reasons(photos)["copy.png"]
    assert len(photos.train) + len(photos.valid) == 10


def test_a_photo_of_two_classes_is_not_used(tmp_path):
    write_classes(tmp_path, cat=6, dog=6)
    shutil.copy(tmp_path / "cat" / "0.png", tmp_path / "dog" / "copy.png")
    photos = read_photo_set(tmp_path)
    assert set(reasons(photos)) == {"0.png", "copy.png"}
    assert "in the class 'dog'" in reasons(photos)["0.png"]
    assert len(photos.train) + len(photos.valid) == 11


def test_a_photo_for_training_and_validation_is_for_validation(tmp_path):
    write_classes(tmp_path / "train", cat=5, dog=5)
    write_classes(tmp_path / "val", cat=1, dog=1)
    shutil.copy(tmp_path / "val" / "cat" / "0.png", tmp_path / "train" / "cat" / "copy.png")
    photos = read_photo_set(tmp_path)
    assert set(reasons(photos)) == {"copy.png"}
    assert len(photos.valid) == 2


def test_a_given_split_is_kept_and_unknown_classes_in_it_are_skipped(tmp_path):
    write_classes(tmp_path / "train", cat=5, dog=5)
    write_classes(tmp_path / "val", cat=5, owl=5)
    photos = read_photo_set(tmp_path)
    assert {photo.label for photo in photos.valid} == {"cat"}
    assert len(photos.train) == 10
    assert sum("'owl' has no photos for training" in reason for reason in reasons(photos).values()) == 5


def test_the_progress_counts_all_photos(tmp_path):
    told: list[tuple[int, int]] = []
    read_photo_set(write_classes(tmp_path, cat=5, dog=5), on_read=lambda done, all_: told.append((done, all_)))
    assert told == [(number, 10) for number in range(1, 11)]


@pytest.mark.parametrize("counts", [{"cat": 9}, {"cat": 9, "dog": 1}, {"cat": 0, "dog": 0}])
def test_fewer_than_two_classes_are_refused(tmp_path, counts):
    with pytest.raises((InvalidArgument, NotFound), match="two are needed|no photos"):
        read_photo_set(write_classes(tmp_path, **counts))


def test_classes_of_single_photos_cannot_be_split(tmp_path):
    with pytest.raises(InvalidArgument, match="no class has two photos"):
        read_photo_set(write_classes(tmp_path, cat=1, dog=1), keep_rare=True)


@pytest.mark.parametrize("options", [{"valid_share": 0.0}, {"valid_share": 1.0}, {"min_photos": -1}])
def test_options_out_of_range_are_refused(tmp_path, options):
    with pytest.raises(InvalidArgument):
        read_photo_set(write_classes(tmp_path, cat=5, dog=5), **options)


def test_a_list_is_split_by_the_paths_in_it(tmp_path):
    for number in range(10):
        write_photo(tmp_path / "photos" / f"{number}.png")
    rows = "".join(f"photos/{number}.png,{'ab'[number % 2]}\n" for number in range(10))
    (tmp_path / "list.csv").write_text(rows)
    assert len(read_photo_set(tmp_path / "list.csv").valid) == 2


def test_the_weights_of_classes_balance_their_counts():
    assert class_weights({"cat": 30, "dog": 10}) == {"cat": 40 / 60, "dog": 2.0}
    assert class_weights({"cat": 4, "dog": 0}) == {"cat": 1.0, "dog": 0.0}
