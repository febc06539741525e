"""The state of a training between two epochs, and what differs between two sets of options."""

from __future__ import annotations

import json

import pytest
from tests.training.run.test_phases import epochs

from lightship.training.run.state import TrainingState, differences

NEW = TrainingState.new({"--epochs": 3, "--unfreeze": ("a", "b"), "--size": None}, "digest", {"keras": "3"})


def test_it_is_the_same_after_it_was_written_and_read() -> None:
    (first,) = epochs(2.5)
    state = NEW.with_epoch(first, "epoch-1.npz")
    again = TrainingState.from_json(json.loads(json.dumps(state.to_json())))
    assert (again.run, again.epochs, again.files) == (state.run, state.epochs, {"epoch-1.npz"})
    assert not differences(again.settings, state.settings)


def test_it_keeps_the_last_and_the_best_epoch() -> None:
    state = NEW
    for number, epoch in enumerate(epochs(3, 1, 2, 1), 1):
        state = state.with_epoch(epoch, f"epoch-{number}.npz")
    assert (state.best_file, state.last_file) == ("epoch-2.npz", "epoch-4.npz")


def test_two_trainings_are_never_taken_for_each_other() -> None:
    assert NEW.run != TrainingState.new(NEW.settings, NEW.photos, NEW.frameworks).run


@pytest.mark.parametrize("change", [{"format": 2}, {"last_file": "../../etc/passwd"}, {"epochs": [{"loss": 1}]}])
def test_what_is_no_state_is_refused(change: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        TrainingState.from_json({**NEW.to_json(), **change})


def test_options_that_differ_are_named_with_both_values() -> None:
    before = {"--epochs": 10, "--augment": True, "--size": None, "--base": "vgg16"}
    now = {"--epochs": 5, "--augment": False, "--size": (8, 9), "--base": "vgg16"}
    assert differences(before, now) == [
        "--epochs 10 (now 5)",
        "--augment on (now off)",
        "--size not given (now 8, 9)",
    ]
    assert differences(before, before) == []
