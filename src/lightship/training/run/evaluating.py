"""Sums up a training by its best epoch's answers for the validation photos."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lightship.datasets import PhotoSet
from lightship.evaluation.figures import figures
from lightship.training.run.phases import best_epoch
from lightship.training.run.state import TrainingState
from lightship.training.run.trained_run import TrainingResult


def evaluate(
    photos: PhotoSet,
    state: TrainingState,
    probabilities: NDArray[np.float32],
    *,
    interrupted: bool,
    resumed: bool,
) -> TrainingResult:
    """Returns how a training went.

    probabilities: of the classes for the validation photos, [n, classes], by the model of the best epoch.
    """
    index = {name: number for number, name in enumerate(photos.classes)}
    truth = np.array([index[photo.label] for photo in photos.valid], np.int64)
    found = figures(truth, probabilities, photos.classes)
    best = best_epoch(state.epochs)
    assert best is not None
    return TrainingResult(state.epochs, best, found.accuracy, found.macro.f1, interrupted, resumed)
