"""Which version a folder means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lightship.errors import InvalidArgument, NotFound
from lightship.saved_model.version_folder import find_version


@pytest.fixture
def dog(tmp_path: Path) -> Path:
    for version in ("2", "010"):
        (tmp_path / "dog" / version).mkdir(parents=True)
        (tmp_path / "dog" / version / "saved_model.pb").touch()
    return tmp_path / "dog"


def test_a_models_folder_means_its_highest_version(dog: Path) -> None:
    found = find_version(str(dog))
    assert (found.path, found.model, found.version) == (dog / "010", "dog", 10)


def test_a_version_means_itself_wherever_one_stands(dog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(dog / "2")
    for folder in (".", str(dog / "2"), str(dog / "2") + "/"):
        found = find_version(folder)
        assert (found.model, found.version) == ("dog", 2)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8501/v1/models/dog", "s3://bucket/dog"])
def test_an_address_is_not_taken_for_a_path(address: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^{address} is an address, not a folder: give a model's folder"):
        find_version(address)


@pytest.mark.parametrize(
    ("folder", "text"), [("none", "does not exist"), ("C://models", "does not exist"), (".", "folder of models")]
)
def test_anything_else_is_explained(dog: Path, monkeypatch: pytest.MonkeyPatch, folder: str, text: str) -> None:
    monkeypatch.chdir(dog.parent)
    with pytest.raises(NotFound, match=text):
        find_version(folder)


def test_a_version_may_be_written_as_text(dog: Path) -> None:
    (dog / "2" / "saved_model.pb").rename(dog / "2" / "saved_model.pbtxt")
    assert find_version(str(dog / "2")).version == 2


def test_a_version_can_be_asked_for(dog: Path) -> None:
    assert find_version(dog, 2).path == dog / "2"
    assert find_version(dog, 10).path == dog / "010"
    assert find_version(dog / "2", 2).path == dog / "2"


def test_a_version_that_is_not_there_is_refused_with_those_that_are(dog: Path) -> None:
    with pytest.raises(NotFound, match="has no version 3: it has 2, 10"):
        find_version(dog, 3)


def test_a_version_folder_is_no_other_version(dog: Path) -> None:
    with pytest.raises(InvalidArgument, match=f"2 is version 2 of the model dog, but version 10 .*: .* {dog}$"):
        find_version(dog / "2", 10)


@pytest.mark.parametrize("version", ["2", 2.0, True])
def test_a_version_that_is_no_number_is_refused(dog: Path, version: Any) -> None:
    with pytest.raises(InvalidArgument, match="give a whole number"):
        find_version(dog, version)


def test_a_version_without_a_model_says_what_it_has(dog: Path) -> None:
    (dog / "010" / "saved_model.pb").rename(dog / "010" / "dog.keras")
    with pytest.raises(NotFound, match="010 has a Keras file and no SavedModel: write the next version"):
        find_version(dog)
