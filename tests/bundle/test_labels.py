"""Class labels from a list, a text file and JSON, and what is refused."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightship.bundle.labels import labels_text, read_classes
from lightship.errors import InvalidArgument, NotFound

PETS = ("cat", "dog", "bär")


@pytest.mark.parametrize(
    "source",
    [
        list(PETS),
        PETS,
        np.array(PETS),
        {0: "cat", 1: "dog", 2: "bär"},
        {"2": "bär", "0": "cat", "1": "dog"},
        {"dog": 1, "bär": 2, "cat": 0},
        {"dog": np.int64(1), "bär": np.int64(2), "cat": np.int64(0)},
    ],
)
def test_every_form_gives_labels_in_index_order(source: Any) -> None:
    assert read_classes(source) == PETS


def test_labels_that_are_numbers_are_still_labels() -> None:
    assert read_classes({"7": 0, "0": 1}) == ("7", "0")
    assert read_classes({"1": "0", "0": "1"}) == ("1", "0")


@pytest.mark.parametrize(
    "text", ["cat\ndog\nbär\n", "cat\ndog\nbär", "cat\r\ndog \r\nbär\r\n\r\n", "\ufeffcat\ndog\nbär"]
)
def test_a_text_file_has_one_label_a_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "classes.txt").write_bytes(text.encode())
    assert read_classes(tmp_path / "classes.txt") == read_classes(str(tmp_path / "classes.txt")) == PETS


@pytest.mark.parametrize("value", [list(PETS), {"0": "cat", "1": "dog", "2": "bär"}, {"cat": 0, "dog": 1, "bär": 2}])
def test_a_json_file_has_a_list_or_an_object(tmp_path: Path, value: Any) -> None:
    (tmp_path / "classes.json").write_text(json.dumps(value))
    assert read_classes(tmp_path / "classes.json") == PETS


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    labels = ("a b", "c,d", '"e"', "f\x85g", "#h")
    (tmp_path / "labels.txt").write_text(labels_text(labels), encoding="utf-8")
    assert read_classes(tmp_path / "labels.txt") == labels


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ([], "there are no classes"),
        (["cat", "dog", "cat"], "'cat'"),
        (["cat", "cat "], "'cat'"),
        (["cat", ""], "class 1 is empty"),
        ({"cat", "dog"}, r"a set, which has no order: give a list in the order .* outputs \(sorted\(classes\) if"),
        (frozenset({"cat", "dog"}), "a frozenset, which has no order"),
        (["cat", 5], "class 1 is 5"),
        (["cat", "do\ng"], "line break"),
        (["cat", "\ud800"], "Unicode"),
        ({0: "cat", 2: "dog"}, "missing: 1"),
        ({1: "cat", 2: "dog"}, "missing: 0"),
        ({"cat": 0, "dog": 0}, "0"),
        ({"cat": "a", "dog": "b"}, "neither"),
    ],
)
def test_what_is_no_list_of_classes_is_refused_by_name(source: Any, text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        read_classes(source)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.txt", b"cat\n\ndog\n", "line 2"),
        ("a.txt", b"\xff\xfe", "save it as UTF-8"),
        ("a.txt", pickle.dumps(PETS), "is a pickle, .*: give a text file with one label per line, or a JSON file"),
        ("a.pickle", pickle.dumps(PETS, 0), "is a pickle, which is not read"),
        ("a.npy", b"\x93NUMPY\x01", "is a NumPy file, which is not read: give a text file"),
        ("a.txt", b"", "no classes"),
        ("a.json", b'{"cat": 0, "cat": 1}', "'cat'"),
        ("a.json", b'["cat", ""]', "class 1 is empty"),
        ("a.json", b"[", "not JSON"),
        ("a.json", b"3", "holds 3"),
    ],
)
def test_a_bad_file_is_named_with_its_fault(tmp_path: Path, name: str, content: bytes, text: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidArgument, match=text) as refused:
        read_classes(tmp_path / name)
    assert name in refused.value.message


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_of_several_columns_is_refused(tmp_path: Path, separator: str) -> None:
    table = tmp_path / "classes.csv"
    table.write_text("".join(f"{index}{separator}{label}\n" for index, label in enumerate(["cat", "dog"])))
    with pytest.raises(InvalidArgument, match=r"classes\.csv is a table, with lines such as '1.+dog': give a text"):
        read_classes(table)
    table.write_text("cat\ndog, hot\n")
    assert read_classes(table) == ("cat", "dog, hot")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no.txt"):
        read_classes(tmp_path / "no.txt")
