"""The curves of a training: a line for each series over the epochs, the phases, and the best epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lightship.evaluation.page.axes import below, chart, horizontal_lines, nice_ticks, place, stretched
from lightship.evaluation.page.markup import Markup, joined, tag
from lightship.evaluation.page.values import exact

_MAX_DOTS = 60  # of a series; more would hide its line
_LABEL_ROOM = 0.1  # of the plot's width, between two numbers below it


@dataclass(frozen=True, slots=True)
class Series:
    """A line. `name`: what its points are, such as "valid_loss"; `kind`: its colour, "train" or "valid"."""

    name: str
    kind: str
    label: str
    # One for each epoch. A value that is not finite leaves a gap.
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Phase:
    """Epochs that belong together. `first`: the index of the first one."""

    label: str
    first: int
    count: int


def line_chart(
    title: str,
    series: Sequence[Series],
    phases: Sequence[Phase],
    *,
    best: int | None,
    highest: float | None = None,
    shown: Callable[[float], str],
    axis: Callable[[float], str] = "{:.6g}".format,
) -> Markup:
    """Returns a chart of series of the same length, at least one value each.

    best: the index of the epoch to mark. highest: the upper end of the axis; None for that of the values.
    shown: how a value is written. axis: how a number beside the axis is.
    """
    finite = [value for one in series for value in one.values if math.isfinite(value)]
    ticks = nice_ticks(max(finite, default=0.0) if highest is None else highest)
    scale = ticks[-1]
    count = len(series[0].values)
    labels = [(tick / scale, axis(tick)) for tick in ticks]
    parts = [
        *_phases(phases, count),
        horizontal_lines(labels),
        *_best(best, count),
        stretched(*(tag("path", d=_path(one.values, scale), class_=f"line {one.kind}") for one in series)),
        *(dot for one in series for dot in _dots(one, scale, shown)),
        *_epochs(best, count),
    ]
    legend = tag("ul", *map(_legend, series), class_="legend", aria_hidden="true")
    return joined((chart(title, _description(title, series, best, shown), *parts), legend))


def _middle(epoch: int, count: int) -> float:
    return (epoch + 0.5) / count


def _phases(phases: Sequence[Phase], count: int) -> Iterator[Markup]:
    for index, phase in enumerate(phases):
        start, width = phase.first / count, phase.count / count
        kind = "phase odd" if index % 2 else "phase"
        yield tag("rect", x=place(start), width=place(width), y="0%", height="100%", class_=kind)
        last = index and index == len(phases) - 1
        x, anchor = (1.0, "end") if last else (start, "start") if index == 0 else (start + width / 2, "middle")
        yield tag("text", phase.label, x=place(x), y="0%", dy="-8", text_anchor=anchor)


def _best(best: int | None, count: int) -> Iterator[Markup]:
    if best is not None:
        x = place(_middle(best, count))
        yield tag("line", x1=x, x2=x, y1="0%", y2="100%", class_="best", data_figure="best_epoch", data_value=best)


def _epochs(best: int | None, count: int) -> Iterator[Markup]:
    """Yields the numbers below the plot: the first epoch, the last and the best, without those that would overlap."""
    if best is not None:
        yield below(_middle(best, count), f"best: {best + 1}", strong=True)
    for epoch in sorted({0, count - 1}):
        far = best is None or abs(_middle(epoch, count) - _middle(best, count)) > _LABEL_ROOM * 2
        if far and (epoch == 0 or _middle(epoch, count) - _middle(0, count) > _LABEL_ROOM):
            yield below(_middle(epoch, count), f"{epoch + 1}")


def _path(values: Sequence[float], scale: float) -> str:
    """Returns the path of a line from point to point, which begins anew after each gap."""
    steps, gap = [], True
    for epoch, value in enumerate(values):
        if math.isfinite(value):
            x, y = _middle(epoch, len(values)) * 100, (1 - value / scale) * 100
            steps.append(f"{'M' if gap else 'L'}{x:.2f} {y:.2f}")
        gap = not math.isfinite(value)
    return " ".join(steps)


def _dots(series: Series, scale: float, shown: Callable[[float], str]) -> Iterator[Markup]:
    for epoch, value in enumerate(series.values):
        if not math.isfinite(value):
            continue
        yield tag(
            "circle",
            tag("title", f"{series.label}, epoch {epoch + 1}: {shown(value)}"),
            cx=place(_middle(epoch, len(series.values))),
            cy=place(1 - value / scale),
            r="3" if len(series.values) <= _MAX_DOTS else "1",
            class_=f"dot {series.kind}",
            data_figure=f"chart.{epoch}.{series.name}",
            data_value=exact(value),
        )


def _legend(series: Series) -> Markup:
    line = tag("line", x1="0", x2="26", y1="5", y2="5", class_=f"line {series.kind}")
    return tag("li", tag("svg", line, width="26", height="10"), series.label)


def _description(title: str, series: Sequence[Series], best: int | None, shown: Callable[[float], str]) -> str:
    ends = (f"{one.label} from {shown(one.values[0])} to {shown(one.values[-1])}" for one in series)
    marked = "" if best is None else f"; the best epoch is {best + 1}"
    return f"{title} over {len(series[0].values)} epochs: {', '.join(ends)}{marked}"
