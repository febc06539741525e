"""Figures as a reader sees them, beside their exact values in attributes that a program can read."""

from __future__ import annotations

import math

from lightship.evaluation.page.markup import Markup, tag

NO_BREAK = "\u00a0"  # a space at which no line ends
UNDEFINED = "–"  # what a figure that is not defined is shown as, such as a precision of 0 / 0


def percent(share: float) -> str:
    """Returns a share of 1, such as "93.1 %". A figure that is not finite is shown as a dash, as in all of these."""
    return f"{share * 100:.1f}{NO_BREAK}%" if math.isfinite(share) else UNDEFINED


def decimal(value: float, digits: int = 3) -> str:
    """Returns a number with a fixed number of digits after the point."""
    return f"{value:.{digits}f}" if math.isfinite(value) else UNDEFINED


def significant(value: float, digits: int = 4) -> str:
    """Returns a number with as many digits as count, and never with an exponent for a large one: "9.658", "12,340"."""
    return f"{value:.{digits}g}" if abs(value) < 10 ** (digits - 1) else f"{value:,.0f}"


def count(value: int) -> str:
    """Returns a whole number, such as "1,204"."""
    return f"{value:,}"


def exact(value: float) -> str:
    """Returns a number with all its digits, as `float` reads it."""
    return repr(int(value)) if isinstance(value, int) else repr(float(value))


def figure(name: str, value: float, shown: str) -> Markup:
    """Returns a figure of a page.

    name: what it is, such as "accuracy". It becomes the attribute `data-figure`, beside the exact value in
        `data-value`.
    """
    title = "not defined" if shown == UNDEFINED else None
    return tag("span", shown, class_="figure", data_figure=name, data_value=exact(value), title=title)
