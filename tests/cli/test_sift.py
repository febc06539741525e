"""`lightship sift` keeps and drops known photos, and loses none."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run


@pytest.fixture
def folder(tmp_path: Path, photos: list[Path]) -> Path:
    """A dog and a cat-like animal in folders of classes, a strawberry and a broken photo beside them."""
    named = {photo.name: photo for photo in photos}
    for place, name in {
        "photos/dog/1.jpg": "imagenet_00_243.jpg",
        "photos/dog/deep/2.jpg": "imagenet_15_99.jpg",
        "photos/food/strawberry ü.jpg": "imagenet_04_949.jpg",
    }.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(named[name], tmp_path / place)
    (tmp_path / "photos" / "food" / "broken.jpg").write_bytes(b"no photo")
    return tmp_path / "photos"


def listed(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def sifted(lightship: Run, dog_bundle: Path, *arguments: object) -> Any:
    """By the model of the demo, which starts faster than EfficientNet-Lite0."""
    return lightship("sift", "photos", "--model", dog_bundle, *arguments)


@pytest.mark.tensorflow
def test_known_photos_are_kept_and_dropped(lightship: Run, folder: Path, lite0_file: Path, tmp_path: Path) -> None:
    done = lightship("sift", "photos", "--keep", "dog", "--weights", lite0_file, "-o", "kept.csv", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [Path(one["path"]).name for one in found["kept"]] == ["1.jpg"]
    assert found["kept"][0]["best"] == "bull mastiff"
    assert found["kept"][0]["probability"] > 0.9
    assert [(Path(one["path"]).name, one["best"]) for one in found["rejected"]] == [
        ("2.jpg", "goose"),
        ("strawberry ü.jpg", "strawberry"),
    ]
    assert [Path(one["path"]).name for one in found["skipped"]] == ["broken.jpg"]
    assert (found["classifier"], len(found["classes"]), found["threshold"]) == ("EfficientNet-Lite0", 118, 0.1)
    assert listed(tmp_path / "kept.csv") == [["path", "label"], ["photos/dog/1.jpg", "dog"]]
    assert done.stderr.startswith("warning: skipped: photos/food/broken.jpg: these 8 bytes")


def test_a_text_is_printed_for_people(lightship: Run, folder: Path, dog_bundle: Path) -> None:
    done = sifted(lightship, dog_bundle, "--keep", "bull_mastiff, pug,*terrier", "--threshold", "0.5")
    assert done.returncode == 0
    (line,) = done.stdout.splitlines()
    probability, path = line.split()
    assert float(probability) > 0.5
    assert Path(path) == Path("photos/dog/1.jpg")
    assert "keeps 1 of 3 photos, with a probability of at least 0.5 for 4 classes Yorkshire_terrier," in done.stderr
    assert sorted(path.name for path in folder.rglob("*.jpg")) == ["1.jpg", "2.jpg", "broken.jpg", "strawberry ü.jpg"]


def test_the_path_of_the_list_is_printed(lightship: Run, folder: Path, dog_bundle: Path, tmp_path: Path) -> None:
    done = sifted(lightship, dog_bundle, "--keep", "0-18", "--threshold", "0", "--output", "lists.csv")
    assert done.stdout == "lists.csv\n"
    assert listed(tmp_path / "lists.csv") == [
        ["path", "label"],
        ["photos/dog/1.jpg", "dog"],
        ["photos/dog/deep/2.jpg", "dog"],
        ["photos/food/strawberry ü.jpg", "food"],
    ]


def test_nothing_kept_says_how_probable_the_best_was(lightship: Run, folder: Path, dog_bundle: Path) -> None:
    done = sifted(lightship, dog_bundle, "--keep", "pug", "--threshold", "1")
    assert (done.returncode, done.stdout) == (0, "")
    assert "keeps 0 of 3 photos" in done.stderr
    assert "the most probable photo has 0." in done.stderr


def test_rejected_photos_move_and_the_others_stay(
    lightship: Run, folder: Path, dog_bundle: Path, tmp_path: Path
) -> None:
    done = sifted(
        lightship, dog_bundle, "--keep", "bull_mastiff", "--threshold", "0.5", "--move-rejected", "out", "--json"
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["moved"] == 2
    assert {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.jpg")} == {
        "dog/deep/2.jpg",
        "food/strawberry ü.jpg",
    }
    assert sorted(path.name for path in folder.rglob("*.jpg")) == ["1.jpg", "broken.jpg"]


def test_nothing_is_overwritten(lightship: Run, folder: Path, dog_bundle: Path, tmp_path: Path) -> None:
    taken = tmp_path / "out" / "dog" / "deep" / "2.jpg"
    taken.parent.mkdir(parents=True)
    taken.write_text("another")
    done = sifted(lightship, dog_bundle, "--keep", "bull_mastiff", "--threshold", "0.5", "--move-rejected", "out")
    assert done.returncode == 1
    assert "error: photos/dog/deep/2.jpg was not moved: out/dog/deep/2.jpg exists already" in done.stderr
    assert "1 other photo was moved" in done.stderr
    assert taken.read_text() == "another"
    assert (folder / "dog" / "deep" / "2.jpg").exists()
    assert not (folder / "food" / "strawberry ü.jpg").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("photos", "--keep", "sportscar"), 2, "'--keep': there is no class 'sportscar': did you mean 'sports car'"),
        (("photos", "--keep", "crane"), 2, "'crane' is a word for 2 classes: give one of 'crane (wading bird)' (134)"),
        (("photos", "--keep", " , "), 2, "it names no class"),
        (("photos",), 2, "--keep"),
        (("photos", "--keep", "car", "--threshold", "10"), 2, "10.0 is not a probability: give a number from 0 to 1"),
        (("photos", "--keep", "car", "--threshold", "nan"), 2, "nan is not a probability"),
        (("photos", "--keep", "car", "--model", "m", "--weights", "w"), 2, "--model cannot be given with them"),
        (("nowhere", "--keep", "car"), 1, "nowhere does not exist, and lightship sift needs a folder of photos"),
        (("photos/dog/1.jpg", "--keep", "car"), 1, "is a photo, but lightship sift needs a folder of photos"),
        (("photos", "--keep", "car", "--model", "nowhere"), 1, "nowhere does not exist, and --model needs a model"),
        (("photos", "--keep", "car", "--move-rejected", "photos/out"), 1, "give a folder outside of it"),
        (("empty", "--keep", "car"), 1, "there are no photos in empty: put .jpg, .jpeg"),
    ],
)
def test_wrong_arguments_are_explained_before_anything_is_loaded(
    lightship: Run, no_tensorflow: dict[str, str], folder: Path, arguments: tuple[str, ...], code: int, error: str
) -> None:
    (folder.parent / "empty").mkdir()
    done = lightship("sift", *arguments, env=no_tensorflow)
    assert (done.returncode, done.stdout) == (code, "")
    assert error in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_tensorflow_the_error_names_the_extra(
    lightship: Run, no_tensorflow: dict[str, str], folder: Path
) -> None:
    done = lightship("sift", "photos", "--keep", "car", env=no_tensorflow)
    assert done.returncode == 1
    assert "EfficientNet-Lite0 needs the package tensorflow, which is not installed" in done.stderr
    assert "pip install 'lightship[tensorflow]'" in done.stderr


def test_a_folder_of_broken_photos_is_an_error(lightship: Run, dog_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"no photo")
    done = sifted(lightship, dog_bundle, "--keep", "pug", "-o", "kept.csv")
    assert done.returncode == 1
    assert "error: none of the photos in photos can be read" in done.stderr
    assert not (tmp_path / "kept.csv").exists()
