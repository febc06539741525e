"""A folder of photos to a version folder, by command."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run
from tests.training.run.examples import write_base, write_photos

from lightship.cli.comparing.photos import HeldOut, compared_photos
from lightship.cli.train import _next_steps
from lightship.datasets import read_photo_set
from lightship.evaluation.report import EpochFigures
from lightship.training.run.options import TrainOptions
from lightship.training.run.trained_run import TrainedRun, TrainingResult


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos") / "three colours")


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_version_its_report_and_the_next_steps_are_told(lightship: Run, photos: Path, tmp_path: Path) -> None:
    write_base(tmp_path / "tiny.keras")
    source = shutil.copytree(photos, tmp_path / "photos")
    (source / "red" / "broken.jpg").write_bytes(b"\xff\xd8\xff not a photo")
    words = ["train", "photos", "-o", "models/colours", "--base", "tiny.keras", "--preprocess", "mobilenet_v2"]
    words += ["--epochs", "1", "--fine-tune-epochs", "0"]
    done = lightship(*words)
    assert (done.returncode, done.stdout) == (0, "models/colours/1\n"), done.stderr
    assert re.search(r"^new head, epoch 1 of 1: loss .*the best so far \(\d+\.\d s\)$", done.stderr, re.MULTILINE)
    assert "lightship serve models/colours\n" in done.stderr
    assert "lightship compare" not in done.stderr
    assert (tmp_path / "models/colours/1/assets.extra/report.html").exists()

    done = lightship(*words, "--no-progress", "--json", "--size", "16x16", "--unfreeze", "none", "--seed", "4")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == 1  # the photo that cannot be read
    told = json.loads(done.stdout)
    assert (told["path"], told["version"], told["previous"]) == ("models/colours/2", 2, "models/colours/1")
    assert told["classes"] == ["blau ü", "green", "red"]
    assert [Path(one["path"]).name for one in told["unreadable"]] == ["broken.jpg"]
    assert 0 <= told["accuracy"] <= 1


@pytest.mark.parametrize(
    "changes", [{}, {"valid_share": 0.3, "seed": 4, "pattern": "{colour} #*"}], ids=["plain", "all"]
)
def test_the_advice_to_compare_takes_the_photos_that_were_set_aside(
    photos: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    source = shutil.copytree(photos, tmp_path / "my photos")
    (source / "rare").mkdir()
    next((source / "red").glob("*.png")).rename(source / "rare" / "rare #1.png")
    options = TrainOptions(source, tmp_path / "models", **changes)
    found = read_photo_set(source, **changes)
    epoch = EpochFigures("new head", 1.0, 0.5, 1.0, 0.5, 0.001, 1.0)
    result = TrainingResult((epoch,), 0, 0.5, 0.5, interrupted=False, resumed=False)
    run = TrainedRun(tmp_path / "models/2", tmp_path / "models/1", found, result, 1.0)

    told = next(line for line in _next_steps(run, options).splitlines() if line.startswith("compare it:"))
    words = shlex.split(told)[2:]
    given = dict(zip(words, [*words[1:], ""], strict=True))
    assert words[:4] == ["lightship", "compare", str(run.previous), str(run.version)]
    assert "--ignore-unknown" in words
    aside = HeldOut(float(given.get("--valid-share", 0.2)), int(given.get("--seed", 0)))
    compared = compared_photos(given["--on"], given.get("--pattern"), aside)
    assert {one.path for one in found.valid} == set(compared.paths) - set((source / "rare").iterdir())


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-o", "m", "--size", "big"], "--size is 'big'; give height and width in pixels, such as 224 or 192x256"),
        (["-o", "m", "--size", "0"], "--size is '0'"),
        (["-o", "m", "--epochs", "0"], "--epochs"),
        (["-o", "m", "--learning-rate", "0"], "--learning-rate is 0; give a number above 0"),
        (["-o", "m", "--valid-share", "1"], "--valid-share is 1"),
        (["-o", "m", "--unfreeze", "all", "--unfreeze", "x"], "cannot be combined"),
        (["-o", "m", "--epoch", "3"], "--epochs"),
        ([], "--output"),
    ],
)
def test_wrong_arguments_are_named_at_once(lightship: Run, photos: Path, words: list[str], text: str) -> None:
    done = lightship("train", photos, *words)
    assert done.returncode == 2
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_is_not_photos_or_a_models_folder_is_explained(lightship: Run, photos: Path, tmp_path: Path) -> None:
    version = tmp_path / "models/dog/1"
    version.mkdir(parents=True)
    (version / "saved_model.pb").touch()
    photo = next(photos.rglob("*.jpg"))
    for words, text in (
        ((photo, "-o", "m"), "is a photo, but lightship train needs photos, in a folder for each class"),
        (("models/dog", "-o", "m"), "the model's folder is given as --output models/dog"),
        (("models/dog/1", "-o", "m"), "a model to begin with is given as --base models/dog/1"),
        ((photos, "-o", "models/dog/1"), "give models/dog, where the next free version is written"),
        ((photos, "-o", "models"), "give a folder in it, such as models/NAME"),
        ((photos, "-o", "models/dog", "--version", "1"), "models/dog/1 exists already"),
        ((tmp_path / "missing", "-o", "m"), "missing does not exist"),
    ):
        done = lightship("train", *words)
        assert done.returncode == 1
        assert text in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "m").exists()


def test_without_tensorflow_it_says_what_to_install(
    lightship: Run, photos: Path, no_tensorflow: dict[str, str]
) -> None:
    done = lightship("train", photos, "-o", "models/colours", env=no_tensorflow)
    assert done.returncode == 1
    assert "training a model needs the package tensorflow" in done.stderr
    assert "pip install 'lightship[tensorflow]'" in done.stderr


def test_a_second_training_into_the_folder_is_refused(lightship: Run, photos: Path, tmp_path: Path) -> None:
    from lightship.training.run.run_folder import run_folder

    with run_folder(tmp_path / "models"):
        done = lightship("train", photos, "-o", "models", "--base", "vgg16")
    assert done.returncode == 1
    assert "another process trains into models" in done.stderr
