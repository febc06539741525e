"""What each epoch measured."""

from __future__ import annotations

from math import isnan

from lightship.training.history import History


def test_epochs_are_appended_and_it_is_its_own_history() -> None:
    history = History()
    history.add({"loss": [3, 2], "val_loss": [4.0, 3.0]})
    history.add({"loss": [1], "val_loss": [2.0]})
    assert history == {"loss": [3.0, 2.0, 1.0], "val_loss": [4.0, 3.0, 2.0]}
    assert history.history is history
    assert history.epoch == [0, 1, 2]


def test_lists_are_equally_long_if_a_figure_is_missing_in_some_epochs() -> None:
    history = History()
    history.add({"loss": [3.0, 2.0]})
    history.add({"loss": [1.0], "val_loss": [2.0]})
    history.add({"loss": [0.5]})
    assert history["loss"] == [3.0, 2.0, 1.0, 0.5]
    assert [isnan(number) for number in history["val_loss"]] == [True, True, False, True]


def test_nothing_measured_adds_nothing() -> None:
    history = History()
    history.add({})
    assert (history, history.epoch) == ({}, [])
