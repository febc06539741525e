"""What the model answered for the validation photos: each class, confusion and calibration."""

from __future__ import annotations

import math

from lightship.evaluation.figures import AverageFigures, CalibrationBin, ClassFigures, Figures
from lightship.evaluation.page import (
    Column,
    Markup,
    confusion_matrix,
    confusion_pairs,
    count,
    figure,
    joined,
    percent,
    reliability_diagram,
    table,
    tag,
)
from lightship.evaluation.page.confusion import MAX_MATRIX_CLASSES
from lightship.evaluation.page.values import NO_BREAK
from lightship.evaluation.report.content import ReportContent

PAIRS_BESIDE = 12  # pairs of classes beside a matrix

_SHARES = (Column("Precision", numeric=True), Column("Recall", numeric=True), Column("F1", numeric=True))
_CLASS_COLUMNS = (
    Column("Class"),
    *_SHARES,
    Column("Validation photos", numeric=True),
    Column("Training photos", numeric=True),
)
_BIN_COLUMNS = (
    Column("Confidence"),
    Column("Photos", numeric=True),
    Column("Mean", numeric=True),
    Column("Right", numeric=True),
)
_EXPLANATION = (
    "Precision is the share of the answers of a class that are right. Recall is the share of the photos of a class "
    "that are answered correctly. F1 is their harmonic mean. A dash stands where there is nothing to count: for the "
    "precision of a class that was never answered, and for the recall of a class without validation photos. The means "
    "are over the classes with validation photos; a missing precision counts as 0 there."
)


def classes(content: ReportContent, found: Figures) -> Markup:
    """Returns the figures of each class, and their means."""
    training = content.training_counts()
    rows = (_class_row(index, one, training[index]) for index, one in enumerate(found.per_class))
    means = (
        _mean_row("macro", "Mean of the classes (macro)", found.macro),
        _mean_row("weighted", "Mean of the photos (weighted)", found.weighted),
    )
    return joined(
        (
            tag("p", _EXPLANATION, class_="quiet"),
            table("Means over all classes", (Column("All classes"), *_SHARES), means),
            tag("h3", "Each class"),
            table("The figures of each class", _CLASS_COLUMNS, rows, sortable=True),
        )
    )


def _class_row(index: int, one: ClassFigures, training: int) -> list[object]:
    name = f"class.{index}"
    return [
        one.label,
        *_share_cells(name, one),
        figure(f"{name}.support", one.support, count(one.support)),
        figure(f"{name}.training_photos", training, count(training)),
    ]


def _mean_row(name: str, title: str, means: AverageFigures) -> list[object]:
    return [title, *_share_cells(f"{name}.mean", means)]


def _share_cells(name: str, shares: ClassFigures | AverageFigures) -> list[Markup]:
    values = {"precision": shares.precision, "recall": shares.recall, "f1": shares.f1}
    return [figure(f"{name}.{key}", value, percent(value)) for key, value in values.items()]


def confusion(content: ReportContent, found: Figures) -> Markup:
    """Returns the confusion matrix of a few classes, or else the pairs that are confused most often."""
    if not found.photos:
        return tag("p", "There are no validation photos.")
    if len(content.classes) > MAX_MATRIX_CLASSES:
        return confusion_pairs(content.classes, found.confusion)
    explanation = (
        "A row is a label, a column an answer. The stronger the colour of a cell, the larger its share of the row."
    )
    matrix = confusion_matrix(content.classes, found.confusion)
    pairs = confusion_pairs(content.classes, found.confusion, PAIRS_BESIDE)
    parts = tag("div", tag("div", matrix), tag("div", pairs), class_="beside")
    return joined((tag("p", explanation, class_="quiet"), parts))


def calibration(found: Figures) -> Markup:
    """Returns how well the probabilities say how often an answer is right."""
    if not found.photos:
        return tag("p", "There are no validation photos.")
    bins = table("The photos by confidence", _BIN_COLUMNS, (_bin_row(*one) for one in enumerate(found.calibration)))
    explanation = (
        "The confidence is the probability of the answer. Of the answers with a confidence of 80 %, a calibrated model "
        "gets 80 % right: its bars end on the dashed line. The calibration error is the mean distance between the "
        "confidence and the share of right answers, weighted by photos."
    )
    return joined(
        (
            tag(
                "div",
                tag("div", reliability_diagram(found.calibration)),
                tag("div", _verdict(found), tag("p", explanation, class_="quiet"), bins),
                class_="pair",
            ),
        )
    )


def _verdict(found: Figures) -> Markup:
    confidence = math.fsum(one.confidence * one.count for one in found.calibration if one.count) / found.photos
    error = found.expected_calibration_error
    gap = confidence - found.accuracy
    kind = (
        "as sure as it is right"
        if abs(gap) < 0.01
        else "too sure of itself"
        if gap > 0
        else "less sure than it is right"
    )
    return tag(
        "p",
        "On average the model is ",
        figure("mean_confidence", confidence, percent(confidence)),
        " sure, and ",
        figure("calibration.accuracy", found.accuracy, percent(found.accuracy)),
        f" of its answers are right: it is {kind}. The expected calibration error is ",
        figure("calibration.error", error, percent(error)),
        ".",
    )


def _bin_row(index: int, one: CalibrationBin) -> list[object]:
    name = f"calibration.{index}"
    return [
        f"{one.low * 100:.0f} to {one.high * 100:.0f}{NO_BREAK}%",
        figure(f"{name}.count", one.count, count(one.count)),
        figure(f"{name}.confidence", one.confidence, percent(one.confidence)),
        figure(f"{name}.accuracy", one.accuracy, percent(one.accuracy)),
    ]
