"""The phases of a training, and which epoch comes next: after a phase is over, and after a killed run is resumed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lightship.evaluation.report import EpochFigures
from lightship.training.run.options import TrainOptions, Unfreeze

NEW_HEAD = "new head"
FINE_TUNING = "fine-tuning"
FROM_SCRATCH = "all layers"


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a training with one learning rate, in which the same layers train."""

    name: str
    # At most; fewer if the training stops early.
    epochs: int
    learning_rate: float
    unfreeze: Unfreeze


class Position(NamedTuple):
    """The epoch to train next, counted from 0 within its phase."""

    phase: Phase
    epoch: int


def plan(options: TrainOptions) -> tuple[Phase, ...]:
    """Returns the phases of a training, of which none has 0 epochs.

    A base with random weights has nothing to keep. So all its layers train from the start, for as many epochs as both
    phases have.
    """
    if options.random_weights:
        return (Phase(FROM_SCRATCH, options.epochs + options.fine_tune_epochs, options.learning_rate, "all"),)
    head = Phase(NEW_HEAD, options.epochs, options.learning_rate, None)
    if options.unfreeze is None or not options.fine_tune_epochs:
        return (head,)
    return head, Phase(FINE_TUNING, options.fine_tune_epochs, options.fine_tune_rate, options.unfreeze)


def next_position(phases: Sequence[Phase], done: Sequence[EpochFigures], patience: int) -> Position | None:
    """Returns the epoch that follows those that are done, or None if the training is complete."""
    for phase in phases:
        own = [one for one in done if one.phase == phase.name]
        if len(own) < phase.epochs and not stops_early(own, patience):
            return Position(phase, len(own))
    return None


def stops_early(epochs: Sequence[EpochFigures], patience: int) -> bool:
    """Returns whether the last `patience` epochs of a phase did not lower the loss on the validation photos."""
    best = best_epoch(epochs)
    return len(epochs) - 1 - (-1 if best is None else best) >= patience


def best_epoch(epochs: Sequence[EpochFigures]) -> int | None:
    """Returns the index of the epoch with the lowest loss on the validation photos, the first of several.

    Returns None if no loss is a finite number.
    """
    losses = [(one.valid_loss, index) for index, one in enumerate(epochs) if math.isfinite(one.valid_loss)]
    return min(losses)[1] if losses else None
