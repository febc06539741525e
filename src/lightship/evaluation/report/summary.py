"""The figures that a reader wants first."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lightship.evaluation.figures import Figures
from lightship.evaluation.page import Markup, count, decimal, figure, joined, percent, summary_cards, tag
from lightship.evaluation.report.content import ReportContent
from lightship.evaluation.report.origin import day


def summary(content: ReportContent, found: Figures) -> Markup:
    """Returns where the model comes from, and its main figures as cards."""
    return joined((_origin(content, found), _warning(found), summary_cards(_cards(content, found))))


def _origin(content: ReportContent, found: Figures) -> Markup:
    training = sum(content.training_counts())
    return tag(
        "p",
        f"Trained from {content.base} on {count(training)} photos of {_classes(len(content.classes))}, "
        f"evaluated on {count(found.photos)} validation photos, {day(content.created)}.",
    )


def _classes(number: int) -> str:
    return "1 class" if number == 1 else f"{count(number)} classes"


def _warning(found: Figures) -> Markup:
    if found.photos:
        return Markup("")
    notice = "There are no validation photos, so the answers were not evaluated. Add photos to each class."
    return tag("p", notice, class_="notice bad")


def _cards(content: ReportContent, found: Figures) -> Iterator[tuple[str, Markup, object]]:
    yield "Accuracy", figure("accuracy", found.accuracy, percent(found.accuracy)), _interval(found)
    if found.top5 is not None:
        yield "Top-5 accuracy", figure("top5", found.top5, percent(found.top5)), "label among the five best answers"
    f1 = found.macro.f1
    yield "Macro F1", figure("macro_f1", f1, percent(f1)), "mean of the classes"
    error = found.expected_calibration_error
    yield "Calibration error", figure("expected_calibration_error", error, percent(error)), "0 % is best"
    yield "Log loss", figure("log_loss", found.log_loss, decimal(found.log_loss)), "0 is best"
    label, share = _baseline(content, found)
    yield "Baseline", figure("baseline", share, percent(share)), f"accuracy of always answering “{label}”"


def _interval(found: Figures) -> Markup:
    low, high = found.accuracy_interval
    if math.isnan(low):
        return Markup("no photos")
    bounds = figure("accuracy_low", low, f"{low * 100:.1f}"), figure("accuracy_high", high, percent(high))
    return joined((bounds[0], " to ", bounds[1], " with 95 % confidence"))


def _baseline(content: ReportContent, found: Figures) -> tuple[str, float]:
    """Returns the class with the most training photos, and its share of the validation photos."""
    counts = content.training_counts()
    most = counts.index(max(counts))
    share = found.per_class[most].support / found.photos if found.photos else math.nan
    return content.classes[most], share
