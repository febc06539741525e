"""Which version is loaded, and what is said where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lightship
from lightship.engines import EngineOptions
from lightship.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound


@pytest.fixture
def versions(tmp_path: Path, half_plus_two: Path) -> Path:
    """A model's folder with the versions 3 and 12."""
    for number in ("3", "12"):
        shutil.copytree(half_plus_two / "123", tmp_path / "half" / number)
    return tmp_path / "half"


def test_a_models_folder_means_its_newest_version(versions: Path) -> None:
    with lightship.load(versions) as model:
        assert (model.name, model.version, model.path) == ("half", 12, versions / "12")
        assert model.predict([1.0, 2.0])["y"].tolist() == [2.5, 3.0]


def test_another_version_can_be_asked_for_by_its_number_or_its_folder(versions: Path) -> None:
    with lightship.load(versions, version=3) as numbered, lightship.load(str(versions / "3")) as named:
        assert numbered.path == named.path == versions / "3"
        assert (named.name, named.version) == ("half", 3)


def test_a_relative_folder_stays_the_same_when_the_program_goes_elsewhere(
    saved_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other shapes and signatures are compiled when they are first used."""
    monkeypatch.chdir(saved_models)
    with lightship.load("half_plus_two") as model:
        monkeypatch.chdir(tmp_path)
        assert model.path == saved_models / "half_plus_two" / "123"
        assert model.predict([1.0])["y"].tolist() == [2.5]
        assert model.predict(np.float32([[[1.0]]]))["y"].tolist() == [[[2.5]]]  # compiled now


def test_engine_options_reach_the_engine(half_plus_two: Path, tmp_path: Path) -> None:
    with lightship.load(half_plus_two, engine=EngineOptions(cache_dir=tmp_path / "cache", trust=True)) as model:
        assert model.predict([1.0])["y"].tolist() == [2.5]


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("nowhere", "nowhere does not exist: give a model's folder such as models/dog"),
        ("empty", "empty is empty: add a version with lightship export MODEL"),
        ("my.keras", "my.keras models/my --classes CLASSES.txt --preprocess NAME"),
        ("my.keras", "my.keras is a Keras file, not a model's folder: export it first with lightship export"),
        ("rose.jpg", "rose.jpg is a photo, not a model's folder: give the model's folder, such as models/dog"),
        ("models", "is a folder of models, not a model's folder; it contains half: give one of them, such as"),
    ],
)
def test_what_is_no_model_is_explained(versions: Path, place: str, text: str) -> None:
    folder = versions.parent
    (folder / "empty").mkdir()
    (folder / "models").mkdir()
    (folder / "models" / "half").symlink_to(versions)
    (folder / "my.keras").touch()
    (folder / "rose.jpg").touch()
    with pytest.raises(NotFound) as caught:
        lightship.load(folder / place)
    assert text in caught.value.message


def test_a_version_that_is_not_there_is_refused(versions: Path) -> None:
    with pytest.raises(NotFound, match="has no version 4: it has 3, 12"):
        lightship.load(versions, version=4)
    with pytest.raises(InvalidArgument, match="version is '3'"):
        lightship.load(versions, version="3")  # type: ignore[arg-type]


def test_a_version_that_is_broken_is_refused_as_a_server_does(versions: Path) -> None:
    (versions / "12" / "saved_model.pb").write_bytes(b"no model")
    with pytest.raises(DataLoss, match="cannot be parsed"):
        lightship.load(versions)


def test_links_out_of_the_models_folder_are_followed_only_if_that_is_asked_for(versions: Path, tmp_path: Path) -> None:
    (versions / "12" / "saved_model.pb").rename(tmp_path / "elsewhere.pb")
    (versions / "12" / "saved_model.pb").symlink_to(tmp_path / "elsewhere.pb")
    with pytest.raises(FailedPrecondition, match="link"):
        lightship.load(versions)
    with lightship.load(versions, follow_links=True) as model:
        assert model.predict([1.0])["y"].tolist() == [2.5]


def test_a_program_that_loads_and_ends_leaves_no_process(half_plus_two: Path) -> None:
    """It does not close the model, and prints nothing but its answer."""
    code = f"import lightship\nprint(lightship.load({os.fspath(half_plus_two)!r}).predict([1.0])['y'].tolist())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[2.5]\n", "")


def test_several_models_answer_in_one_process(half_plus_two: Path, saved_models: Path) -> None:
    with lightship.load(half_plus_two) as first, lightship.load(half_plus_two) as second:
        first.close()
        assert second.predict(np.float32([4.0]))["y"].tolist() == [4.0]
