"""Which version a folder means."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightship.cli.version_folder import find_version
from lightship.errors import NotFound


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


@pytest.mark.parametrize(("folder", "text"), [("none", "does not exist"), (".", "folder of models")])
def test_anything_else_is_explained(dog: Path, monkeypatch: pytest.MonkeyPatch, folder: str, text: str) -> None:
    monkeypatch.chdir(dog.parent)
    with pytest.raises(NotFound, match=text):
        find_version(folder)


def test_a_version_may_be_written_as_text(dog: Path) -> None:
    (dog / "2" / "saved_model.pb").rename(dog / "2" / "saved_model.pbtxt")
    assert find_version(str(dog / "2")).version == 2
