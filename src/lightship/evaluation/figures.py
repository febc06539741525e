"""The quality of a classifier on labelled photos: accuracy, the figures of each class, confusion, calibration.

The definitions are those of scikit-learn. A figure that would be 0 / 0 is NaN, such as the precision of a class that
was never answered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.errors import InvalidArgument

TOP = 5
BINS = 10  # of the calibration, each a tenth wide

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """The figures of one class."""

    label: str
    # The share of the photos answered with this label that have it; NaN if none was answered so.
    precision: float
    # The share of the photos with this label that were answered so; NaN if none has it.
    recall: float
    # 2 x right / (photos with the label + photos answered with it); NaN if there are none of either.
    f1: float
    # The number of photos with this label.
    support: int
    # The number of photos that were answered with this label.
    answered: int


@dataclass(frozen=True, slots=True)
class AverageFigures:
    """Means over the classes that have photos. A precision that is not defined counts as 0."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """The photos whose answer has a probability above `low` and up to `high`."""

    low: float
    high: float
    # The mean probability of the answers, and the share that is right; NaN without photos.
    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True)
class Figures:
    """The figures of a classifier. With no photos, all but the counts are NaN."""

    photos: int
    accuracy: float
    # The bounds of the 95 % confidence interval of the accuracy (Wilson's score interval).
    accuracy_interval: tuple[float, float]
    # The share of photos whose label is among the five best answers; None for fewer than six classes.
    top5: float | None
    # Every class counts alike.
    macro: AverageFigures
    # Every photo counts alike.
    weighted: AverageFigures
    per_class: tuple[ClassFigures, ...]
    # int64 [classes, classes]: photos by their label (row) and their answer (column).
    confusion: Indices
    calibration: tuple[CalibrationBin, ...]
    # The mean distance between the confidence and the accuracy of a bin, weighted by its photos.
    expected_calibration_error: float
    # The mean of -ln(probability of the label). A probability counts as at least the epsilon of its dtype.
    log_loss: float


def figures(truth: NDArray[Any], probabilities: NDArray[Any], classes: Sequence[str]) -> Figures:
    """Returns the figures of the answers to photos.

    truth: the index of each photo's class, integers [photos].
    probabilities: floats [photos, classes]. NaN counts as 0. The answer is the first class of the highest probability.

    Raises InvalidArgument if shapes or indices do not fit.
    """
    _check(truth, probabilities, classes)
    labels = truth.astype(np.int64)
    given = without_nan(probabilities)
    answers = given.argmax(1) if len(given) else np.zeros(0, np.int64)
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (labels, answers), 1)
    per_class = tuple(_class_figures(label, confusion, index) for index, label in enumerate(classes))
    right = int(confusion.trace())
    calibration = _calibration(given.max(1).astype(np.float64) if len(given) else np.zeros(0), answers == labels)
    return Figures(
        photos=len(labels),
        accuracy=_share(right, len(labels)),
        accuracy_interval=_wilson_interval(right, len(labels)),
        top5=_top5(labels, given) if len(classes) > TOP else None,
        macro=_average(per_class, [1] * len(per_class)),
        weighted=_average(per_class, [one.support for one in per_class]),
        per_class=per_class,
        confusion=confusion,
        calibration=calibration,
        expected_calibration_error=_calibration_error(calibration, len(labels)),
        log_loss=_log_loss(labels, given),
    )


def without_nan(probabilities: NDArray[Any]) -> NDArray[Any]:
    """Returns probabilities in which NaN is 0, as a model gives them whose training diverged."""
    known: NDArray[Any] = np.nan_to_num(probabilities, nan=0.0, posinf=1.0, neginf=0.0)
    return known


def _check(truth: NDArray[Any], probabilities: NDArray[Any], classes: Sequence[str]) -> None:
    if not classes:
        raise InvalidArgument("there are no classes: give the label of each column of the probabilities")
    if truth.ndim != 1 or probabilities.shape != (len(truth), len(classes)):
        raise InvalidArgument(
            f"labels of shape {list(truth.shape)} and probabilities of shape {list(probabilities.shape)} do not fit "
            f"together: with {len(classes)} classes, give [photos] and [photos, {len(classes)}]"
        )
    if len(truth) and not np.issubdtype(truth.dtype, np.integer):
        raise InvalidArgument(f"labels of dtype {truth.dtype}: give the index of each photo's class, as integers")
    if not np.issubdtype(probabilities.dtype, np.floating):
        raise InvalidArgument(f"probabilities of dtype {probabilities.dtype}: give floats")
    wrong = truth[(truth < 0) | (truth >= len(classes))]
    if len(wrong):
        raise InvalidArgument(f"label {int(wrong[0])} is the index of no class: give 0 to {len(classes) - 1}")


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _class_figures(label: str, confusion: Indices, index: int) -> ClassFigures:
    right = int(confusion[index, index])
    support, answered = int(confusion[index].sum()), int(confusion[:, index].sum())
    return ClassFigures(
        label,
        precision=_share(right, answered),
        recall=_share(right, support),
        f1=_share(2 * right, support + answered),
        support=support,
        answered=answered,
    )


def _average(per_class: Sequence[ClassFigures], weights: Sequence[int]) -> AverageFigures:
    known = [(one, weight) for one, weight in zip(per_class, weights, strict=True) if one.support]
    total = sum(weight for _, weight in known)

    def mean(values: Sequence[float]) -> float:
        weighted = (value * weight for value, (_, weight) in zip(values, known, strict=True))
        return _share(math.fsum(weighted), total)

    return AverageFigures(
        precision=mean([one.precision if one.answered else 0.0 for one, _ in known]),
        recall=mean([one.recall for one, _ in known]),
        f1=mean([one.f1 for one, _ in known]),
    )


def _wilson_interval(right: int, photos: int) -> tuple[float, float]:
    if not photos:
        return math.nan, math.nan
    z = 1.959963984540054  # the normal distribution has 95 % between -z and z
    share = right / photos
    middle = share + z * z / (2 * photos)
    half = z * math.sqrt(share * (1 - share) / photos + (z / (2 * photos)) ** 2)
    scale = 1 + z * z / photos
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def _top5(labels: Indices, probabilities: NDArray[Any]) -> float:
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
    return _share(int((best == labels[:, np.newaxis]).sum()), len(labels))


def _calibration(confidences: Floats, right: NDArray[np.bool_]) -> tuple[CalibrationBin, ...]:
    edges = np.linspace(0.0, 1.0, BINS + 1)
    bins = np.searchsorted(edges[1:-1], confidences)
    return tuple(
        CalibrationBin(
            low=float(edges[index]),
            high=float(edges[index + 1]),
            confidence=_share(float(confidences[bins == index].sum()), count),
            accuracy=_share(int(right[bins == index].sum()), count),
            count=count,
        )
        for index, count in enumerate(np.bincount(bins, minlength=BINS).tolist())
    )


def _calibration_error(calibration: Sequence[CalibrationBin], photos: int) -> float:
    distances = (abs(one.confidence - one.accuracy) * one.count for one in calibration if one.count)
    return _share(math.fsum(distances), photos)


def _log_loss(labels: Indices, probabilities: NDArray[Any]) -> float:
    if not len(labels):
        return math.nan
    epsilon = np.finfo(probabilities.dtype).eps
    of_labels = probabilities[np.arange(len(labels)), labels].clip(epsilon, 1 - epsilon).astype(np.float64)
    return float(-np.log(of_labels).mean())
