"""Lists of photos."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightship.datasets.photo_list import read_photo_list
from lightship.errors import InvalidArgument, NotFound


def written(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    file = tmp_path / "list.csv"
    file.write_text(text, encoding=encoding)
    return file


@pytest.mark.parametrize(
    "text",
    [
        "path,label\na.jpg,cat\n",
        "a.jpg,cat\n",
        "a.jpg;cat",
        "a.jpg\tcat\n",
        '"a.jpg","cat"\r\n\r\n',
        "Class,Year,File\ncat,1999,a.jpg\n",
        " label , path \ncat, a.jpg \n",
        "\npath,label\na.jpg,cat\n",
        "\n\npath;label\na.jpg;cat\n",
        '"path";"label"\na.jpg;cat\n',
    ],
)
def test_columns_are_found_by_name_or_by_place(tmp_path, text):
    found = read_photo_list(written(tmp_path, text))
    assert [(photo.path, photo.label) for photo in found.train] == [(tmp_path / "a.jpg", "cat")]
    assert found.valid is None


def test_a_mark_of_utf_8_is_not_part_of_the_first_name(tmp_path):
    found = read_photo_list(written(tmp_path, "path,label\na.jpg,Äsche\n", "utf-8-sig"))
    assert found.train[0].label == "Äsche"


def test_names_may_have_commas_and_absolute_paths(tmp_path):
    found = read_photo_list(written(tmp_path, f'path,label\n"{tmp_path}/a,b.jpg","x, y"\n'))
    assert (found.train[0].path, found.train[0].label) == (tmp_path / "a,b.jpg", "x, y")


def test_a_separator_in_quotes_does_not_count(tmp_path):
    found = read_photo_list(written(tmp_path, '"a,b,c.jpg";cat\n'))
    assert [(photo.path.name, photo.label) for photo in found.train] == [("a,b,c.jpg", "cat")]


@pytest.mark.parametrize("head", ["path,label,split\n", ""])
def test_the_split_says_where_a_photo_belongs(tmp_path, head):
    found = read_photo_list(written(tmp_path, f"{head}a.jpg,cat,train\nb.jpg,cat,Val\nc.jpg,cat,test\n"))
    assert [photo.path.name for photo in found.train] == ["a.jpg"]
    assert [photo.path.name for photo in found.valid or ()] == ["b.jpg"]


def test_photos_without_a_label_are_skipped(tmp_path):
    found = read_photo_list(written(tmp_path, "a.jpg,cat\nb.jpg,\n"))
    assert [(one.path.name, one.reason) for one in found.skipped] == [
        ("b.jpg", "line 2 of list.csv has no label for it")
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("path,colour\na.jpg,red\n", "no column 'label'"),
        ("label,colour\ncat,red\n", "no column 'path'"),
        ("a.jpg,cat\nb.jpg\n", "line 2: .* is not a path and a label"),
        ("a.jpg,cat\n,cat\n", "line 2: '' and 'cat' are not the path"),
        ("path,label,split\na.jpg,cat,trian\n", "line 2: the split is 'trian'"),
        ("\n\npath,label\na.jpg\n", "line 4: .* is not a path and a label"),
        ('path,label\na.jpg,"black\ncat"\n', "line 3.*line break"),
    ],
)
def test_a_wrong_list_is_refused_with_its_line(tmp_path, text, reason):
    with pytest.raises(InvalidArgument, match=reason):
        read_photo_list(written(tmp_path, text))


@pytest.mark.parametrize("data", [b"\xff\xfe\x00\x01", b"a.jpg,c\0at\n", b'a.jpg,"' + 200_000 * b"x"])
def test_what_is_no_text_is_refused(tmp_path, data):
    file = tmp_path / "list.csv"
    file.write_bytes(data)
    with pytest.raises(InvalidArgument, match="cannot be read as CSV|are not the path"):
        read_photo_list(file)


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(NotFound, match=r"no\.csv"):
        read_photo_list(tmp_path / "no.csv")
