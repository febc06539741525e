"""The metrics of a comparison, which requirements are about. docs/guides/compare.md gives the same definitions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from lightship.evaluation.comparison.comparison import Comparison, Outcome
from lightship.evaluation.comparison.side_figures import SideFigures


class Range(Enum):
    """The numbers that a metric can be."""

    SHARE = "a share from 0 to 1"
    CHANGE = "a change from -1 to 1"
    COUNT = "a number of photos"
    ANY = "a number of 0 or more"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric. It has either one value for each model, or one for both."""

    name: str
    meaning: str
    range: Range
    # The values of A and B. None for a metric of both.
    of_each: Callable[[Comparison], tuple[float | None, float | None]] | None = None
    # The value of both. None for a metric of each.
    of_both: Callable[[Comparison], float | None] | None = None
    needs_labels: bool = True
    higher_is_better: bool = True
    # Why a comparison with labels may have no value.
    missing: str = ""


def _figure(read: Callable[[SideFigures], float | None]) -> Callable[[Comparison], tuple[float | None, float | None]]:
    def both(comparison: Comparison) -> tuple[float | None, float | None]:
        if comparison.figures is None:
            return None, None
        a, b = comparison.figures
        return read(a), read(b)

    return both


def _answered(comparison: Comparison) -> tuple[float, float]:
    return float(comparison.a.answered.mean()), float(comparison.b.answered.mean())


def _worst_change(comparison: Comparison) -> float | None:
    return min((one.recall_change for one in comparison.class_changes), default=None)


_NO_TOP5 = "a model has at most 5 classes"
_NO_PROBABILITIES = "the scores of a model are not probabilities, or it knows no label of a photo that it answered"

_ALL = (
    Metric(
        "accuracy",
        "the share of photos whose best class is their label",
        Range.SHARE,
        _figure(lambda one: one.accuracy),
    ),
    Metric(
        "top5_accuracy",
        "the share of photos whose label is one of the five best classes",
        Range.SHARE,
        _figure(lambda one: one.top5_accuracy),
        missing=_NO_TOP5,
    ),
    Metric("macro_f1", "the mean of F1 over the classes", Range.SHARE, _figure(lambda one: one.macro_f1)),
    Metric(
        "macro_precision",
        "the mean of precision over the classes",
        Range.SHARE,
        _figure(lambda one: one.macro_precision),
    ),
    Metric(
        "macro_recall",
        "the mean of recall over the classes, which is also called balanced accuracy",
        Range.SHARE,
        _figure(lambda one: one.macro_recall),
    ),
    Metric(
        "worst_class_recall",
        "the recall of the class where it is lowest",
        Range.SHARE,
        _figure(lambda one: one.worst_class_recall),
    ),
    Metric(
        "log_loss",
        "the mean of -log(probability of the label)",
        Range.ANY,
        _figure(lambda one: one.log_loss),
        higher_is_better=False,
        missing=_NO_PROBABILITIES,
    ),
    Metric(
        "calibration_error",
        "how far probabilities are from the share that is right (expected calibration error)",
        Range.SHARE,
        _figure(lambda one: one.calibration_error),
        higher_is_better=False,
        missing=_NO_PROBABILITIES,
    ),
    Metric("answered", "the share of photos that the model did not refuse", Range.SHARE, _answered, needs_labels=False),
    Metric(
        "agreement",
        "the share of photos to which both models give the same best class",
        Range.SHARE,
        of_both=lambda found: found.agreement,
        needs_labels=False,
    ),
    Metric(
        "changed",
        "the number of photos whose best class changed",
        Range.COUNT,
        of_both=lambda found: len(found.changed),
        needs_labels=False,
        higher_is_better=False,
    ),
    Metric(
        "worse",
        "the number of photos that only A gets right",
        Range.COUNT,
        of_both=lambda found: found.count(Outcome.WORSE),
        higher_is_better=False,
    ),
    Metric(
        "better",
        "the number of photos that only B gets right",
        Range.COUNT,
        of_both=lambda found: found.count(Outcome.BETTER),
    ),
    Metric(
        "worst_class_change",
        "the lowest change of a class's recall, B - A",
        Range.CHANGE,
        of_both=_worst_change,
    ),
)
METRICS = {metric.name: metric for metric in _ALL}


def values(metric: Metric, comparison: Comparison) -> tuple[float | None, float | None, float | None]:
    """Returns the values of A and B and the change from A to B.

    For a metric of both models only the last one, which is its value. None where there is no value.
    """
    if metric.needs_labels and comparison.figures is None:
        return None, None, None
    if metric.of_each is not None:
        a, b = metric.of_each(comparison)
        return a, b, None if a is None or b is None else b - a
    assert metric.of_both is not None
    return None, None, metric.of_both(comparison)
