"""Words and numbers of a comparison, the same on a terminal and on a page."""

from __future__ import annotations

from math import isnan

from lightship.evaluation.comparison.comparison import Comparison
from lightship.evaluation.comparison.requirements import EQUAL, CheckedRequirement
from lightship.evaluation.metrics import Metric, Range

UNDEFINED = "–"  # a figure without a value, such as a precision of 0 / 0


def number(value: float | None) -> str:
    """Returns a number with three digits after the point."""
    return UNDEFINED if value is None or isnan(value) else f"{value:.3f}"


def changed_number(value: float | None) -> str:
    """Returns a change with its sign; without one if it is 0."""
    if value is None or isnan(value):
        return UNDEFINED
    if abs(value) >= 0.0005:
        return f"{value:+.3f}"
    return "0.000" if abs(value) < EQUAL else f"{value:+.1g}"


def metric_number(metric: Metric, value: float | None) -> str:
    """Returns the value of a metric: a count as a whole number, a change with its sign."""
    if value is not None and metric.range is Range.COUNT:
        return f"{int(value):,}"
    return changed_number(value) if metric.range is Range.CHANGE else number(value)


def requirement_number(checked: CheckedRequirement) -> str:
    """Returns what was found for a requirement, with more digits if it is nearly the limit."""
    requirement, sign = checked.requirement, "+" if checked.requirement.is_change else ""
    if EQUAL < abs(checked.value - requirement.limit) < 0.001:
        return f"{checked.value:{sign}.6g}"
    return changed_number(checked.value) if requirement.is_change else metric_number(requirement.metric, checked.value)


def chance_text(comparison: Comparison) -> str:
    """Returns a sentence with McNemar's test; an empty text if it says nothing."""
    p_value = comparison.p_value
    if p_value is None or not comparison.changed:
        return ""
    shown = f"{p_value:.2g}" if p_value >= 0.001 else "less than 0.001"
    return (
        "If both models were equally good, a division into worse and better that is at least so uneven would have a "
        f"probability of {shown} (McNemar's exact test)."
    )
