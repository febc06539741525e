"""Which folders are versions, and how a folder without any is explained."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from lightship.errors import NotFound
from lightship.saved_model.versions import (
    expected_in_model_folder,
    explain_missing_folder,
    explain_model_folder,
    explain_version_folder,
    list_versions,
    version_number,
)
from lightship.suffixes import IMAGE_SUFFIXES


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir()
        else:
            path.touch()
    return folder


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("1", 1),
        ("00000123", 123),
        ("20170111173521", 20170111173521),
        ("+5", 5),
        (" 5\t", 5),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("1.denied", None),
        ("v1", None),
        ("tmp-1", None),
        ("1_0", None),
        ("１", None),
        ("", None),
        (".exporting-1", None),
    ],
)
def test_a_version_is_a_decimal_int64(name: str, number: int | None) -> None:
    assert version_number(name) == number


def test_entries_that_are_numbers_are_versions_files_too(tmp_path: Path) -> None:
    make(tmp_path, "42/", "17/", "00021/", "7", "v3/", ".exporting-1-a/")
    assert list_versions(tmp_path) == {
        name: tmp_path / path for name, path in {17: "17", 21: "00021", 42: "42", 7: "7"}.items()
    }


def test_of_several_names_for_one_number_the_lexically_last_counts(tmp_path: Path) -> None:
    make(tmp_path, "0001/", "001/", "00001/")
    assert list_versions(tmp_path) == {1: tmp_path / "001"}


def test_a_folder_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        list_versions(tmp_path / "no")
    with pytest.raises(NotFound, match="is a file"):
        list_versions(make(tmp_path, "file") / "file")


def test_a_folder_with_a_version_needs_no_explanation(tmp_path: Path) -> None:
    assert explain_model_folder(make(tmp_path, "1/", "saved_model.pb")) is None


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([".exporting-1-a/", ".DS_Store"], "is empty: add a version with lightship export MODEL "),
        (["v1/saved_model.pb"], "whose name is not a number: mv "),
        (["model/saved_model.pb", "classes.pickle"], "older layout"),
        (["dog.keras"], "create one with lightship export "),
        (["cat/1/saved_model.pb", "dog/2/saved_model.pb", "notes.txt"], "it contains cat, dog: give one"),
        (["notes.txt"], "it contains notes.txt: add a version"),
        ([*"abcdefg"], "a, b, c, d, e and 2 more"),
    ],
)
def test_what_is_there_instead_is_reported_in_one_line(tmp_path: Path, names: list[str], text: str) -> None:
    reported = explain_model_folder(make(tmp_path / "m", *names))
    assert reported is not None
    assert text in reported
    assert "\n" not in reported


@pytest.mark.parametrize("names", [["saved_model.pb", "variables/a", "assets/"], ["v1/saved_model.pb"]])
def test_the_command_it_names_mends_the_folder(tmp_path: Path, names: list[str]) -> None:
    folder = make(tmp_path / "my model", *names)
    reported = explain_model_folder(folder)
    assert reported is not None
    command = reported[min(reported.find(word) for word in ("mkdir ", "mv ") if word in reported) :]
    subprocess.run(command, shell=True, check=True)
    assert explain_model_folder(folder) is None
    assert (folder / "1" / "saved_model.pb").exists()


def test_a_version_itself_is_told_to_be_one(tmp_path: Path) -> None:
    reported = explain_model_folder(make(tmp_path / "dog" / "7", "saved_model.pb"))
    assert reported is not None
    assert reported.endswith(f"give its parent, {tmp_path / 'dog'}")


def test_a_file_and_nothing_at_all_are_explained(tmp_path: Path) -> None:
    file = make(tmp_path, "dog.keras") / "dog.keras"
    command = f"lightship export {shlex.quote(str(file))} models/dog --classes CLASSES.txt --preprocess NAME"
    assert command in (explain_model_folder(file) or "")
    assert "does not exist" in (explain_model_folder(tmp_path / "no") or "")


def test_what_the_system_says_of_a_folder_is_handed_on(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="cannot be listed: File name too long"):
        list_versions(tmp_path / ("x" * 300))


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_every_photo_in_a_models_place_is_called_one(tmp_path: Path, suffix: str) -> None:
    photo = make(tmp_path, f"dog{suffix.upper()}") / f"dog{suffix.upper()}"
    assert "is a photo, not a model's folder" in (explain_model_folder(photo) or "")


@pytest.mark.parametrize("names", [["saved_model.pb"], ["saved_model.pbtxt", "dog.keras"], ["export.meta"]])
def test_a_version_with_a_model_needs_no_explanation(tmp_path: Path, names: list[str]) -> None:
    assert explain_version_folder(make(tmp_path / "dog" / "1", *names)) is None


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (
            [".DS_Store"],
            "is empty: a version is a folder that contains a SavedModel, saved_model.pb and variables/; copy",
        ),
        (["notes.txt", "a"], "contains a, notes.txt, and no SavedModel: a version is a folder that contains"),
        (["my dog.keras"], "lightship export '{version}/my dog.keras' {model}, and remove this one"),
        (["model/saved_model.pb", "classes.pickle"], "has the older layout"),
        (["model/saved_model.pb"], "has the SavedModel in a folder of its own: mv {version}/model/* {version}"),
    ],
)
def test_what_a_version_has_in_place_of_a_model_is_said_with_what_to_do(
    tmp_path: Path, names: list[str], text: str
) -> None:
    version = make(tmp_path / "dog" / "1", *names)
    reported = explain_version_folder(version)
    assert reported is not None
    assert text.format(version=version, model=version.parent) in reported
    assert "\n" not in reported


def test_a_version_that_is_a_file_or_gone_is_explained(tmp_path: Path) -> None:
    version = make(tmp_path / "dog", "1") / "1"
    assert "1 is a file, not a version: a version is a folder" in (explain_version_folder(version) or "")
    assert "does not exist" in (explain_version_folder(tmp_path / "no") or "")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("models/shapes/7", "models/shapes has no version 7: it has 1, 2"),
        ("models/shapse", "models/shapse does not exist: did you mean models/shapes?"),
        ("models/shapse/1", "models/shapse/1 does not exist: did you mean models/shapes/1?"),
        ("models/shapse/9", "models/shapse/9 does not exist: did you mean models/shapes?"),
        ("models/Shapes", "models/Shapes does not exist: did you mean models/shapes?"),
        ("models/my shape", "models/my shape does not exist: did you mean 'models/my shapes'?"),
        ("models/other", None),
        ("models/notes", None),  # its like-named neighbour is no model
        ("models/7", None),
        ("nowhere/shapes", None),
        ("models/shapes", None),
    ],
)
def test_a_folder_that_does_not_exist_is_explained_by_the_models_near_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str | None
) -> None:
    model = [f"models/{model}/{version}/saved_model.pb" for model in ("shapes", "my shapes") for version in (1, 2)]
    make(tmp_path, *model, "models/note/a.txt")
    monkeypatch.chdir(tmp_path)
    assert explain_missing_folder(Path(name)) == text
    if text is not None:
        assert explain_model_folder(Path(name)) == text
        assert text not in str(expected_in_model_folder(Path(name)))  # which clients may see
