"""The axes of a chart. All places are percentages of the plot: a chart has any width, and its texts keep their size.

The margins around the plot, in which the numbers of the axes stand, are in page.css.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from lightship.evaluation.page.markup import Markup, joined, tag


def place(share: float) -> str:
    """Returns a share of the plot's width or height as a percentage."""
    return f"{share * 100:.2f}%"


def nice_ticks(highest: float, most: int = 6) -> list[float]:
    """Returns round numbers from 0 to at least `highest`, at equal distances."""
    if not (math.isfinite(highest) and highest > 0):
        return [0.0, 1.0]
    rough = highest / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    return [index * step for index in range(math.ceil(highest / step - 1e-9) + 1)]


def horizontal_lines(labels: Sequence[tuple[float, str]]) -> Markup:
    """Returns the lines across the plot with their labels. labels: their heights as shares of the plot, and texts."""
    return joined(
        joined(
            (
                tag("line", x1="0%", x2="100%", y1=place(1 - share), y2=place(1 - share), class_="grid"),
                tag("text", label, x="0%", y=place(1 - share), dx="-8", dy="4", text_anchor="end"),
            )
        )
        for share, label in labels
    )


def below(share: float, label: str, *, strong: bool = False) -> Markup:
    """Returns a label below the plot."""
    kind = "strong" if strong else None
    return tag("text", label, x=place(share), y="100%", dy="20", text_anchor="middle", class_=kind)


def chart(title: str, description: str, *parts: Markup) -> Markup:
    """Returns a chart with its title above. description: what a screen reader says of it."""
    drawing = tag("svg", *parts, class_="chart", role="img", aria_label=description)
    return tag("figure", tag("figcaption", title), drawing, class_="plot")


def stretched(*parts: Markup) -> Markup:
    """Returns lines of the plot, whose places are numbers from 0 to 100."""
    return tag("svg", *parts, viewBox="0 0 100 100", preserveAspectRatio="none", width="100%", height="100%")
