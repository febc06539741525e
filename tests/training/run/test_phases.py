"""Which epoch follows, and when a phase is over."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from lightship.evaluation.report import EpochFigures
from lightship.training.run.options import TrainOptions
from lightship.training.run.phases import Phase, Position, best_epoch, next_position, plan

HEAD, TUNING = Phase("new head", 3, 1e-3, None), Phase("fine-tuning", 5, 1e-4, "all")


def options(**changes: Any) -> TrainOptions:
    return TrainOptions(Path("photos"), Path("models/m"), **changes)


def epochs(*losses: float, phase: Phase = HEAD) -> tuple[EpochFigures, ...]:
    return tuple(EpochFigures(phase.name, 1.0, 0.5, loss, 0.5, phase.learning_rate, 1.0) for loss in losses)


def test_the_head_trains_first_and_then_the_base_at_its_own_rate() -> None:
    head, tuning = plan(options(epochs=3, fine_tune_epochs=5, fine_tune_rate=1e-5))
    assert (head.epochs, head.learning_rate, head.unfreeze) == (3, 1e-3, None)
    assert (tuning.epochs, tuning.learning_rate, tuning.unfreeze) == (5, 1e-5, "all")


@pytest.mark.parametrize("changes", [{"unfreeze": None}, {"fine_tune_epochs": 0}])
def test_without_layers_or_epochs_nothing_is_fine_tuned(changes: dict[str, Any]) -> None:
    assert [phase.name for phase in plan(options(**changes))] == ["new head"]


def test_random_weights_train_from_the_start_for_all_epochs() -> None:
    (phase,) = plan(options(weights=None, epochs=3, fine_tune_epochs=5))
    assert (phase.epochs, phase.unfreeze) == (8, "all")


def test_a_base_of_a_file_keeps_its_weights() -> None:
    assert len(plan(options(weights=None, base="own.keras"))) == 2


def test_a_phase_follows_when_the_one_before_has_all_its_epochs() -> None:
    assert next_position((HEAD, TUNING), (), 5) == Position(HEAD, 0)
    assert next_position((HEAD, TUNING), epochs(3, 2), 5) == Position(HEAD, 2)
    assert next_position((HEAD, TUNING), epochs(3, 2, 1), 5) == Position(TUNING, 0)


def test_a_phase_is_over_after_so_many_epochs_without_a_lower_loss() -> None:
    assert next_position((HEAD, TUNING), epochs(3, 3), 2) == Position(HEAD, 2)
    assert next_position((TUNING,), epochs(3, 1, 1, 2, phase=TUNING), 2) is None
    assert next_position((TUNING,), epochs(3, 4, 1, 2, phase=TUNING), 2) == Position(TUNING, 4)


def test_the_patience_of_a_phase_is_its_own() -> None:
    done = epochs(1, 2, 2) + epochs(5, 4, phase=TUNING)
    assert next_position((HEAD, TUNING), done, 2) == Position(TUNING, 2)


def test_the_training_is_complete_after_the_last_phase() -> None:
    assert next_position((HEAD,), epochs(3, 2, 1), 5) is None


def test_the_best_epoch_is_the_first_with_the_lowest_loss_of_all_phases() -> None:
    assert best_epoch(epochs(3, 2, 2) + epochs(2.5, phase=TUNING)) == 1
    assert best_epoch(epochs(3, 2) + epochs(1, phase=TUNING)) == 2


def test_a_loss_that_is_no_number_is_never_the_best_and_ends_a_phase() -> None:
    assert best_epoch(epochs(math.nan, 2, math.nan)) == 1
    assert best_epoch(epochs(math.nan, math.inf)) is None
    assert next_position((HEAD,), epochs(math.nan, math.nan), 2) is None
