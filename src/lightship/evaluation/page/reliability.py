"""The reliability diagram: how often answers of a certain confidence are right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lightship.evaluation.figures import BINS, CalibrationBin
from lightship.evaluation.page.axes import below, chart, horizontal_lines, place, stretched
from lightship.evaluation.page.markup import Markup, joined, tag
from lightship.evaluation.page.values import count, exact, percent

_GAP = 0.006  # of the plot's width, on each side of a bar


def reliability_diagram(bins: Sequence[CalibrationBin]) -> Markup:
    """Returns the accuracy of each bin as a bar, beside the diagonal that a calibrated model would follow.

    Below stands how many photos each bin has.
    """
    shares = [(tick / 4, f"{tick * 25} %") for tick in range(5)]
    filled = [(index, one) for index, one in enumerate(bins) if one.count]
    told = ", ".join(f"{percent(one.accuracy)} right at {percent(one.confidence)} confidence" for _, one in filled)
    accuracies = chart(
        "Share of right answers, by confidence",
        f"Reliability diagram: {told or 'no photos'}",
        horizontal_lines(shares),
        *(_accuracy(index, one) for index, one in filled),
        stretched(tag("path", d="M0 100 L100 0", class_="diagonal")),
        *_axis(),
    )
    most = max((one.count for one in bins), default=0) or 1
    counts = chart(
        "Photos, by confidence",
        f"Photos by confidence: {', '.join(_counted(one) for _, one in filled) or 'none'}",
        horizontal_lines([(0, "0"), (1, count(most))]),
        *(_photos(index, one, most) for index, one in filled),
        *_axis(),
    )
    return joined((accuracies, tag("div", counts, class_="low")))


def _axis() -> Iterator[Markup]:
    for tick in range(5):
        yield below(tick / 4, f"{tick * 25} %")


def _bar(index: int, height: float, kind: str, title: str, name: str, value: float) -> Markup:
    return tag(
        "rect",
        tag("title", title),
        x=place(index / BINS + _GAP),
        width=place(1 / BINS - 2 * _GAP),
        y=place(1 - height),
        height=place(height),
        class_=kind,
        data_figure=f"chart.calibration.{index}.{name}",
        data_value=exact(value),
    )


def _accuracy(index: int, one: CalibrationBin) -> Markup:
    title = f"{percent(one.accuracy)} of {count(one.count)} photos right, {percent(one.confidence)} confident"
    return _bar(index, one.accuracy, "bar", title, "accuracy", one.accuracy)


def _photos(index: int, one: CalibrationBin, most: int) -> Markup:
    return _bar(index, one.count / most, "bar quiet", _counted(one), "count", one.count)


def _counted(one: CalibrationBin) -> str:
    return f"{count(one.count)} from {one.low:.0%} to {one.high:.0%}"
