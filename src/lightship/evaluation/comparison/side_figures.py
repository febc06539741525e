"""The figures of one model on labelled photos.

The definitions are those of `figures`. Beyond these, a model may have refused photos, which counts as a wrong answer,
and may not know the label of a photo.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightship.evaluation.comparison.side_answers import NO_ANSWER, SideAnswers
from lightship.evaluation.figures import TOP, ClassFigures, figures

_SUM_TOLERANCE = 1e-2  # how far from 1 the sum of probabilities may be, for models that count in half precision


@dataclass(frozen=True, slots=True)
class SideFigures:
    """The figures of one model over all labelled photos."""

    accuracy: float
    # None if the model has at most five classes.
    top5_accuracy: float | None
    # Of the classes that have photos, in the order of the labels.
    per_class: tuple[ClassFigures, ...]
    # Over the photos that were answered and whose label the model knows. None if there are none, or if the scores are
    # not probabilities.
    log_loss: float | None
    calibration_error: float | None

    @property
    def macro_precision(self) -> float:
        return float(np.mean([one.precision if one.answered else 0.0 for one in self.per_class]))

    @property
    def macro_recall(self) -> float:
        return float(np.mean([one.recall for one in self.per_class]))

    @property
    def macro_f1(self) -> float:
        return float(np.mean([one.f1 for one in self.per_class]))

    @property
    def worst_class_recall(self) -> float:
        return min(one.recall for one in self.per_class)


def side_figures(labels: Sequence[str], answers: SideAnswers) -> SideFigures:
    """Returns the figures of a model.

    labels: the true label of each photo, at least one. The model need not know all of them.
    """
    column = {label: index for index, label in enumerate(answers.classes)}
    # Labels that the model does not know get indices behind those of its classes.
    for label in labels:
        column.setdefault(label, len(column))
    truth = np.array([column[label] for label in labels])
    answered = answers.answered
    best = np.full(len(labels), NO_ANSWER)
    best[answered] = answers.scores[answered].argmax(1)
    log_loss, calibration_error = _of_probabilities(truth, answers)
    return SideFigures(
        accuracy=float((best == truth).mean()),
        top5_accuracy=_top5(truth, answers),
        per_class=tuple(
            _class_figures(label, truth == column[label], best == column[label]) for label in sorted(set(labels))
        ),
        log_loss=log_loss,
        calibration_error=calibration_error,
    )


def _class_figures(label: str, true: NDArray[np.bool_], given: NDArray[np.bool_]) -> ClassFigures:
    support, answered, right = int(true.sum()), int(given.sum()), int((true & given).sum())
    return ClassFigures(
        label,
        precision=right / answered if answered else math.nan,
        recall=right / support,
        f1=2 * right / (support + answered),
        support=support,
        answered=answered,
    )


def _top5(truth: NDArray[np.int_], answers: SideAnswers) -> float | None:
    if len(answers.classes) <= TOP:
        return None
    best = np.argsort(-answers.scores, axis=1, kind="stable")[:, :TOP]
    found = (best == truth[:, np.newaxis]).any(1)
    return float((found & answers.answered).mean())


def _of_probabilities(truth: NDArray[np.int_], answers: SideAnswers) -> tuple[float | None, float | None]:
    """Returns the log loss and the expected calibration error."""
    known = answers.answered & (truth < len(answers.classes))
    scores = answers.scores[known]
    if not known.any() or len(answers.classes) < 2 or not _are_probabilities(scores):
        return None, None
    found = figures(truth[known], scores, answers.classes)
    return found.log_loss, found.expected_calibration_error


def _are_probabilities(scores: NDArray[np.float32]) -> bool:
    return bool((scores >= 0).all() and (np.abs(scores.sum(1) - 1) < _SUM_TOLERANCE).all())
