"""The list of the photos to keep is a CSV file, whole or not there."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import pytest

from lightship.errors import InvalidArgument
from lightship.training.sifting.finding import Photo
from lightship.training.sifting.listing import write_list


def photo(path: Path, label: str | None = None, split: str | None = None) -> Photo:
    return Photo(path, Path(path.name), label, split)


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_paths_below_the_list_are_relative_and_others_absolute(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    photos = [photo(tmp_path / "a" / "photos" / "1.jpg"), photo(tmp_path / "2.jpg")]
    write_list(tmp_path / "a" / "kept.csv", photos)
    assert rows(tmp_path / "a" / "kept.csv") == [["path"], ["photos/1.jpg"], [str(tmp_path / "2.jpg")]]


def test_labels_and_splits_are_columns_where_there_are_some(tmp_path: Path) -> None:
    write_list(tmp_path / "kept.csv", [photo(tmp_path / "1.jpg", "cat"), photo(tmp_path / "2.jpg")])
    assert rows(tmp_path / "kept.csv") == [["path", "label"], ["1.jpg", "cat"], ["2.jpg", ""]]
    write_list(tmp_path / "kept.csv", [photo(tmp_path / "1.jpg", "cat", "train")])
    assert rows(tmp_path / "kept.csv") == [["path", "label", "split"], ["1.jpg", "cat", "train"]]


def test_odd_names_are_quoted(tmp_path: Path) -> None:
    write_list(
        tmp_path / "kept.csv", [photo(tmp_path / 'a, "b"\n.jpg', "ü, ß"), photo(tmp_path / "\U0001f436.jpg", "x")]
    )
    assert rows(tmp_path / "kept.csv")[1:] == [['a, "b"\n.jpg', "ü, ß"], ["\U0001f436.jpg", "x"]]


def test_an_empty_list_has_a_head(tmp_path: Path) -> None:
    write_list(tmp_path / "kept.csv", [])
    assert (tmp_path / "kept.csv").read_bytes() == b"path\n"


def test_names_that_are_not_utf8_keep_their_bytes(tmp_path: Path) -> None:
    write_list(tmp_path / "kept.csv", [photo(tmp_path / "a\udcff.jpg")])
    assert (tmp_path / "kept.csv").read_bytes() == b"path\na\xff.jpg\n"


def test_a_list_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="No such file or directory"):
        write_list(tmp_path / "nowhere" / "kept.csv", [])
    with pytest.raises(InvalidArgument, match="not a regular file"):
        write_list(tmp_path, [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_a_link_to_a_list_stays_a_link_and_a_device_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    write_list(tmp_path / "link.csv", [])
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "path\n"
    (tmp_path / "null.csv").symlink_to(os.devnull)
    with pytest.raises(InvalidArgument, match="not a regular file"):
        write_list(tmp_path / "null.csv", [])
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["link.csv", "null.csv", "real.csv"]
