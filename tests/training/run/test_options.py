"""The options of a training: which are refused, which decide the result, and the command that gives them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from lightship.errors import InvalidArgument
from lightship.training.run.options import TrainOptions

PHOTOS, OUTPUT = Path("my photos"), Path("models/cars")


def options(**changes: Any) -> TrainOptions:
    return TrainOptions(PHOTOS, OUTPUT, **changes)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"epochs": 0}, "--epochs is 0"),
        ({"epochs": True}, "--epochs is True"),
        ({"fine_tune_epochs": -1}, "--fine-tune-epochs is -1"),
        ({"batch_size": 0}, "--batch-size is 0"),
        ({"patience": 0}, "--patience is 0"),
        ({"seed": 2**32}, "--seed is 4294967296"),
        ({"learning_rate": 0.0}, "--learning-rate is 0"),
        ({"fine_tune_rate": float("nan")}, "--fine-tune-rate is nan"),
        ({"valid_share": 1.0}, "--valid-share is 1"),
        ({"valid_share": float("nan")}, "--valid-share is nan"),
    ],
)
def test_values_that_are_not_possible_are_refused_by_name(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        options(**changes)


def test_the_places_of_photos_and_versions_do_not_decide_the_result() -> None:
    other = TrainOptions(Path("elsewhere"), Path("models/other"), version=7, restart=True)
    assert other.settings() == options().settings()


def test_everything_else_decides_the_result() -> None:
    changed = options(epochs=1, size=(8, 9), unfreeze=("a", "b"), augment=False).settings()
    assert {name for name, value in options().settings().items() if changed[name] != value} == {
        "--epochs",
        "--size",
        "--unfreeze",
        "--augment",
    }


def test_the_command_gives_the_options_again() -> None:
    given = options(
        base="own base.keras",
        size=(8, 9),
        unfreeze=("block5_.*", "top"),
        weights=None,
        augment=False,
        keep_rare=True,
        pattern="{make}_*.jpg",
        version=3,
        restart=True,
    )
    assert shlex.split(given.command()) == [
        *("lightship", "train", "my photos", "--output", "models/cars", "--base", "own base.keras"),
        *("--pattern", "{make}_*.jpg", "--keep-rare", "--size", "8x9", "--weights", "none"),
        *("--unfreeze", "block5_.*", "--unfreeze", "top", "--no-augment", "--seed", "0"),
    ]


def test_the_command_says_that_nothing_is_fine_tuned() -> None:
    assert "--unfreeze none" in options(unfreeze=None).command()
