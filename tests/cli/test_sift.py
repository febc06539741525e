"""`lightship sift` keeps and drops known photos, and loses none."""

from __future__ import annotations

import csv
import json
import os
import pty
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import BIN, Run, clean_environment
from tests.explained_model import picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures in folders of classes, of which the model knows the first best, and a broken one."""
    for place, seed in {"dog/1.png": 0, "dog/deep/2.png": 2, "food/strawberry ü.png": 3}.items():
        path = tmp_path / "photos" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(seed))
    (tmp_path / "photos" / "food" / "broken.jpg").write_bytes(b"no photo")
    return tmp_path / "photos"


def listed(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.fixture
def sifted(lightship: Run, folder: Path, explained_model: Path) -> Callable[..., Any]:
    """Keeps by a small model what is a cat with 0.58 or more: the first picture has 0.617, the others less."""

    def run(*arguments: object, keep: str = "cat", threshold: float = 0.58) -> Any:
        model = ("--model", explained_model)
        return lightship("sift", "photos", "--keep", keep, "--threshold", threshold, *model, *arguments)

    return run


@pytest.mark.tensorflow
def test_known_photos_are_kept_and_dropped(
    lightship: Run, photos: list[Path], lite0_file: Path, tmp_path: Path
) -> None:
    named = {photo.name: photo for photo in photos}
    for place, name in {"dog/1.jpg": "00_243", "bird/2.jpg": "15_99", "fruit/3.jpg": "04_949"}.items():
        (tmp_path / "photos" / place).parent.mkdir(parents=True)
        shutil.copyfile(named[f"imagenet_{name}.jpg"], tmp_path / "photos" / place)
    done = lightship("sift", "photos", "--keep", "dog,fruit", "--weights", lite0_file, "-o", "kept.csv", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    best = {Path(one["path"]).name: one["best"] for one in found["kept"]}
    assert best == {"1.jpg": "bull mastiff", "3.jpg": "strawberry"}
    assert min(one["probability"] for one in found["kept"]) > 0.8
    assert [(one["label"], one["best"]) for one in found["rejected"]] == [("bird", "goose")]
    assert (found["classifier"], len(found["classes"]), found["threshold"]) == ("EfficientNet-Lite0", 134, 0.1)
    assert listed(tmp_path / "kept.csv") == [
        ["path", "label"],
        ["photos/dog/1.jpg", "dog"],
        ["photos/fruit/3.jpg", "fruit"],
    ]


def test_a_text_is_printed_for_people(sifted: Callable[..., Any], folder: Path) -> None:
    done = sifted()
    assert (done.returncode, done.stdout) == (0, f"0.617  {Path('photos/dog/1.png')}\n")
    assert done.stderr.splitlines()[0].startswith("warning: skipped: photos/food/broken.jpg: the image is not JPEG")
    assert "version 1 keeps 1 of 3 photos, with a probability of at least 0.58 for the class cat" in done.stderr
    assert len(list(folder.rglob("*.*"))) == 4


def test_json_says_what_became_of_each_photo(sifted: Callable[..., Any]) -> None:
    found = json.loads(sifted("--json", keep="cat, 1,bull mästiff", threshold=0.75).stdout)
    assert found["classes"] == ["cat", "dog", "bull mästiff"]
    assert [(one["path"], one["label"], one["best"]) for one in found["kept"]] == [("photos/dog/1.png", "dog", "cat")]
    assert found["kept"][0]["probability"] == pytest.approx(0.617 + 0.080 + 0.055, abs=0.002)
    assert [one["path"] for one in found["rejected"]] == ["photos/dog/deep/2.png", "photos/food/strawberry ü.png"]
    assert [one["path"] for one in found["skipped"]] == ["photos/food/broken.jpg"]
    assert (found["output"], found["moved"]) == (None, 0)


def test_the_path_of_the_list_is_printed(sifted: Callable[..., Any], tmp_path: Path) -> None:
    done = sifted("--output", "lists.csv", threshold=1)
    assert done.stdout == "lists.csv\n"
    assert listed(tmp_path / "lists.csv") == [["path"]]
    sifted("--output", "lists.csv", keep="0-4", threshold=0)
    assert listed(tmp_path / "lists.csv") == [
        ["path", "label"],
        ["photos/dog/1.png", "dog"],
        ["photos/dog/deep/2.png", "dog"],
        ["photos/food/strawberry ü.png", "food"],
    ]


def test_photos_beside_the_folders_of_classes_have_no_label(
    sifted: Callable[..., Any], folder: Path, tmp_path: Path
) -> None:
    (folder / "0.png").write_bytes(picture(0))
    done = sifted("--output", "kept.csv")
    assert "warning: 1 of the listed photos are not in the folder of a class, so they have no label" in done.stderr
    assert listed(tmp_path / "kept.csv")[1:] == [["photos/0.png", ""], ["photos/dog/1.png", "dog"]]


def test_nothing_kept_says_how_probable_the_best_was(sifted: Callable[..., Any]) -> None:
    done = sifted(threshold=0.9)
    assert (done.returncode, done.stdout) == (0, "")
    assert "keeps 0 of 3 photos" in done.stderr
    assert f"the most probable photo has 0.617: {Path('photos/dog/1.png')}" in done.stderr


def test_rejected_photos_move_and_the_others_stay(sifted: Callable[..., Any], folder: Path, tmp_path: Path) -> None:
    done = sifted("--move-rejected", "out")
    assert done.returncode == 0
    assert "2 other photos were moved" in done.stderr
    assert {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")} == {
        "dog/deep/2.png",
        "food/strawberry ü.png",
    }
    assert sorted(path.name for path in folder.rglob("*.*")) == ["1.png", "broken.jpg"]


def test_nothing_is_overwritten(sifted: Callable[..., Any], folder: Path, tmp_path: Path) -> None:
    taken = tmp_path / "out" / "dog" / "deep" / "2.png"
    taken.parent.mkdir(parents=True)
    taken.write_text("another")
    done = sifted("--move-rejected", "out")
    assert done.returncode == 1
    assert "error: photos/dog/deep/2.png was not moved: out/dog/deep/2.png exists already" in done.stderr
    assert "1 other photo was moved" in done.stderr
    assert taken.read_text() == "another"
    assert (folder / "dog" / "deep" / "2.png").exists()
    assert not (folder / "food" / "strawberry ü.png").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("photos", "--keep", "sportscar"), 2, "'--keep': there is no class 'sportscar': did you mean 'sports car'"),
        (("photos", "--keep", "crane"), 2, "'crane' is a word for 2 classes: give one of 'crane (wading bird)' (134)"),
        (("photos", "--keep", " , "), 2, "it names no class"),
        (("photos",), 2, "--keep"),
        (("photos", "--keep", "car", "--threshold", "10"), 2, "10.0 is not a probability: give a number from 0 to 1"),
        (("photos", "--keep", "car", "--threshold", "nan"), 2, "nan is not a probability"),
        (("photos", "--keep", "car", "--model", "m", "--weights", "w"), 2, "cannot be combined with --model"),
        (("nowhere", "--keep", "car"), 1, "nowhere does not exist, and lightship sift needs a folder of photos"),
        (("photos/dog/1.png", "--keep", "car"), 1, "is a photo, but lightship sift needs a folder of photos"),
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


def test_a_folder_of_broken_photos_is_an_error(sifted: Callable[..., Any], folder: Path, tmp_path: Path) -> None:
    for path in folder.rglob("*.png"):
        path.unlink()
    done = sifted("-o", "kept.csv")
    assert done.returncode == 1
    assert "error: none of the photos in photos can be read: the warnings say why" in done.stderr
    assert not (tmp_path / "kept.csv").exists()


def test_a_terminal_shows_how_far_it_is(folder: Path, explained_model: Path) -> None:
    command = [BIN / "lightship", "sift", "photos", "--keep", "cat", "--model", explained_model]
    master, terminal = pty.openpty()
    with subprocess.Popen(
        command, cwd=folder.parent, stdout=subprocess.DEVNULL, stderr=terminal, env=clean_environment(TERM="xterm")
    ):
        os.close(terminal)
        shown = b""
        with suppress(OSError):  # the other end is closed
            while piece := os.read(master, 4096):
                shown += piece
        os.close(master)
    assert b"sifting" in shown
    assert b"4/4" in shown
