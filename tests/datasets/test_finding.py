"""Photos and their classes are found in folders, by names and in lists."""

from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path

import pytest
from tests.datasets.photo_files import write_classes, write_photo

from lightship.datasets import FoundPhotos, find_photos
from lightship.errors import InvalidArgument, NotFound, PermissionDenied


def labels(found: FoundPhotos, folder: Path) -> dict[str, str]:
    return {photo.path.relative_to(folder).as_posix(): photo.label for photo in found.photos}


def skipped(found: FoundPhotos, folder: Path) -> dict[str, str]:
    return {one.path.relative_to(folder).as_posix(): one.reason for one in found.skipped}


def test_each_folder_is_a_class_with_its_subfolders(tmp_path):
    for name in ("cat/1.png", "cat/indoors/2.PNG", "dog/3.jpeg", "Öl lamp & co/ß.bmp"):
        write_photo(tmp_path / name)
    found = find_photos(tmp_path)
    assert labels(found, tmp_path) == {
        "Öl lamp & co/ß.bmp": "Öl lamp & co",
        "cat/1.png": "cat",
        "cat/indoors/2.PNG": "cat",
        "dog/3.jpeg": "dog",
    }
    assert found.valid is None


def test_other_files_are_named_and_hidden_ones_are_not(tmp_path):
    write_classes(tmp_path, cat=1, dog=1)
    write_photo(tmp_path / "loose.png")
    (tmp_path / "cat" / "notes.txt").write_text("x")
    write_photo(tmp_path / ".cache" / "1.png")
    write_photo(tmp_path / "cat" / "._1.png")
    write_photo(tmp_path / "__MACOSX" / "cat" / "1.png")
    found = find_photos(tmp_path)
    assert len(found.photos) == 2
    reasons = skipped(found, tmp_path)
    assert set(reasons) == {"loose.png", "cat/notes.txt"}
    assert "not in the folder of a class" in reasons["loose.png"]
    assert ".jpg" in reasons["cat/notes.txt"]


def test_an_empty_class_is_named(tmp_path):
    write_classes(tmp_path, cat=1, dog=0)
    assert find_photos(tmp_path).empty == ("dog",)


def test_a_link_to_a_folder_above_is_not_followed_again(tmp_path):
    write_classes(tmp_path, cat=1, dog=1)
    os.symlink(tmp_path / "cat", tmp_path / "cat" / "again")
    os.symlink("..", tmp_path / "cat" / "all classes")
    assert len(find_photos(tmp_path).photos) == 2


def test_a_link_to_itself_is_a_file_that_cannot_be_read(tmp_path):
    write_classes(tmp_path, cat=1, dog=1)
    os.symlink("again.png", tmp_path / "cat" / "again.png")
    assert "again.png" in {photo.path.name for photo in find_photos(tmp_path).photos}


def test_a_decomposed_name_is_the_same_class(tmp_path):
    write_photo(tmp_path / "train" / unicodedata.normalize("NFC", "Öl") / "1.png")
    write_photo(tmp_path / "val" / unicodedata.normalize("NFD", "Öl") / "2.png")
    found = find_photos(tmp_path)
    assert found.valid is not None
    assert {photo.label for photo in (*found.photos, *found.valid)} == {"\u00d6l"}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize(("name", "reason"), [(b"a\nb", "line break"), (b"a\xff", "valid Unicode"), (b" ", "empty")])
def test_a_folder_whose_name_cannot_be_a_label_is_refused(tmp_path, name, reason):
    write_photo(tmp_path / os.fsdecode(name) / "1.png")
    with pytest.raises(InvalidArgument, match=f"cannot be the name of a class, because it .*{reason}: rename it"):
        find_photos(tmp_path)


@pytest.mark.parametrize("valid", ["val", "valid", "Validation"])
def test_train_and_validation_folders_are_parts_and_test_is_not_used(tmp_path, valid):
    write_classes(tmp_path / "train", cat=2, dog=2)
    write_classes(tmp_path / valid, cat=1)
    write_classes(tmp_path / "test", cat=1)
    found = find_photos(tmp_path)
    assert len(found.photos) == 4
    assert found.valid is not None
    assert [photo.path.parent.parent.name for photo in found.valid] == [valid]


def test_without_a_validation_folder_the_training_photos_are_split_later(tmp_path):
    write_classes(tmp_path / "train", cat=2, dog=2)
    write_classes(tmp_path / "test", cat=1)
    found = find_photos(tmp_path)
    assert len(found.photos) == 4
    assert found.valid is None


def test_a_class_may_be_called_train(tmp_path):
    write_classes(tmp_path, train=2, car=1)
    assert {photo.label for photo in find_photos(tmp_path).photos} == {"train", "car"}
    assert {photo.label for photo in find_photos(write_classes(tmp_path / "alone", train=1)).photos} == {"train"}


def test_blanks_around_the_name_of_a_folder_are_no_part_of_the_label(tmp_path):
    write_photo(tmp_path / "cat " / "1.png")
    write_photo(tmp_path / "dog" / "2 .png")
    assert labels(find_photos(tmp_path), tmp_path) == {"cat /1.png": "cat", "dog/2 .png": "dog"}
    assert {photo.label for photo in find_photos(tmp_path, pattern="{name}.png").photos} == {"1", "2"}


def test_folders_and_photos_beside_train_and_val_are_named(tmp_path):
    for name in ("train", "val", "annotations"):
        write_classes(tmp_path / name, cat=1)
    write_photo(tmp_path / "loose.png")
    found = find_photos(tmp_path)
    assert [photo.label for photo in (*found.photos, *(found.valid or ()))] == ["cat", "cat"]
    assert skipped(found, tmp_path) == {"annotations": "it is beside train", "loose.png": "it is beside train"}


def test_photos_directly_in_train_and_val_are_no_classes(tmp_path):
    for name in ("train/1.png", "val/2.png"):
        write_photo(tmp_path / name)
    with pytest.raises(InvalidArgument, match="train has photos, but no folders"):
        find_photos(tmp_path)


def test_a_pattern_reads_train_and_val_apart_and_test_not_at_all(tmp_path):
    for name in ("train/cat_1.png", "train/sub/dog_2.png", "val/dog_3.png", "test/cat_4.png"):
        write_photo(tmp_path / name)
    found = find_photos(tmp_path, pattern="{label}_*.png")
    assert labels(found, tmp_path) == {"train/cat_1.png": "cat", "train/sub/dog_2.png": "dog"}
    assert found.valid is not None
    assert [photo.path.name for photo in found.valid] == ["dog_3.png"]
    loose = write_photo(tmp_path / "owl_1.png")
    beside = find_photos(tmp_path, pattern="{label}_*.png")
    assert beside.photos == found.photos
    assert [one.path for one in beside.skipped] == [loose]


def test_two_validation_folders_are_refused(tmp_path):
    for name in ("train", "val", "valid"):
        write_classes(tmp_path / name, cat=1)
    with pytest.raises(InvalidArgument, match="val, valid"):
        find_photos(tmp_path)


def test_a_pattern_reads_the_class_from_the_name(tmp_path):
    for name in ("Audi_A4_001.jpg", "sub/BMW_X5_a_b.png", "odd.jpg", "read.me"):
        write_photo(tmp_path / name)
    found = find_photos(tmp_path, pattern="{make}_{model}_*")
    assert labels(found, tmp_path) == {"Audi_A4_001.jpg": "Audi_A4", "sub/BMW_X5_a_b.png": "BMW_X5"}
    assert set(skipped(found, tmp_path)) == {"odd.jpg", "read.me"}


def test_a_pattern_that_fits_nothing_names_a_file(tmp_path):
    write_photo(tmp_path / "odd.jpg")
    with pytest.raises(InvalidArgument, match=r"fits none of the files .*'odd\.jpg'"):
        find_photos(tmp_path, pattern="{make}_{model}.jpg")


def test_photos_without_folders_name_what_can_be_given(tmp_path):
    write_photo(tmp_path / "1.png")
    with pytest.raises(InvalidArgument, match="a folder for each class"):
        find_photos(tmp_path)


def test_a_folder_without_photos_is_an_error(tmp_path):
    with pytest.raises(NotFound, match="no photos"):
        find_photos(tmp_path)
    with pytest.raises(NotFound, match="no photos"):
        find_photos(tmp_path, pattern="{label}.jpg")
    with pytest.raises(NotFound, match="does not exist"):
        find_photos(tmp_path / "no")


def test_another_file_is_refused(tmp_path):
    with pytest.raises(InvalidArgument, match="neither a folder nor a CSV"):
        find_photos(write_photo(tmp_path / "1.png"))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_listed_is_named(tmp_path):
    write_classes(tmp_path, cat=1, dog=1)
    (tmp_path / "dog").chmod(0)
    with pytest.raises(PermissionDenied, match="dog"):
        find_photos(tmp_path)


def test_a_list_takes_the_place_of_folders(tmp_path):
    file = tmp_path / "list.csv"
    file.write_text("path,label,split\na.jpg,cat,train\nb.jpg,dog,val\nc.jpg,,train\n")
    found = find_photos(file)
    assert labels(found, tmp_path) == {"a.jpg": "cat"}
    assert found.valid is not None
    assert [photo.label for photo in found.valid] == ["dog"]
    assert set(skipped(found, tmp_path)) == {"c.jpg"}
    with pytest.raises(InvalidArgument, match="has the labels"):
        find_photos(file, pattern="{label}.jpg")


def test_an_empty_list_is_an_error(tmp_path):
    file = tmp_path / "list.csv"
    file.write_text("path,label\n")
    with pytest.raises(NotFound, match="lists no photos"):
        find_photos(file)
