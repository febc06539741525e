"""Requirements on a comparison, such as `accuracy >= -0.005`: parsing and checking."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from lightship.errors import InvalidArgument
from lightship.evaluation.comparison.comparison import Comparison
from lightship.evaluation.metrics import METRICS, Metric, Range, values

GRAMMAR = (
    "a requirement is METRIC OPERATOR NUMBER. The operator is >=, >, <= or <. A number with a sign is the allowed "
    "change from A to B ('accuracy >= -0.005'), and one without a sign is what B must reach ('accuracy >= 0.9')"
)
EQUAL = 1e-9  # numbers that are less far apart are equal: 0.995 - 1 is not exactly -0.005

_FORM = re.compile(
    r"\s*([A-Za-z][\w-]*)\s*(>=|<=|>|<)\s*([+-]?)((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?)\s*", re.ASCII
)
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": lambda value, limit: value >= limit - EQUAL,
    "<=": lambda value, limit: value <= limit + EQUAL,
    ">": lambda value, limit: value > limit + EQUAL,
    "<": lambda value, limit: value < limit - EQUAL,
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a comparison has to fulfil. Make it with `parse_requirement`."""

    # As the user wrote it.
    text: str
    metric: Metric
    operator: str
    limit: float
    # Whether the limit is for the change from A to B.
    is_change: bool


@dataclass(frozen=True, slots=True)
class CheckedRequirement:
    """A requirement, and whether a comparison fulfils it."""

    requirement: Requirement
    # The change of the metric or its value, whichever the requirement is about.
    value: float
    passed: bool


def parse_requirement(text: str) -> Requirement:
    """Parses `METRIC OPERATOR NUMBER`, such as `accuracy >= -0.005` or `worse <= 3`.

    If the metric has a value for each model, a number with a sign is about the change from A to B, and one without a
    sign about B. Names of metrics may be written with hyphens and capitals.

    Raises InvalidArgument for another form, an unknown metric, a limit that the metric never reaches, and one of 0
    without a sign, which every model reaches.
    """
    found = _FORM.fullmatch(text.replace("\N{MINUS SIGN}", "-"))
    if found is None:
        raise InvalidArgument(f"{text!r} is not a requirement: {_advice(text)}")
    name, comparison, sign, number = found.groups()
    metric = _metric(name)
    limit = float(sign + number)
    is_change = bool(sign) and metric.of_each is not None
    _check_limit(text, metric, limit, is_change)
    if metric.of_each is not None and not is_change and comparison == ">=" and limit == 0:
        raise InvalidArgument(
            f"{text!r} holds for every model: write '{metric.name} >= +0' if B may not be lower than A, or what B must "
            f"reach, such as '{metric.name} >= 0.9'"
        )
    return Requirement(text.strip(), metric, comparison, limit, is_change)


def check_metrics(requirements: Iterable[Requirement], *, labelled: bool) -> None:
    """Raises InvalidArgument for a requirement that needs labels where there are none."""
    for one in requirements:
        if one.metric.needs_labels and not labelled:
            without = ", ".join(name for name, metric in METRICS.items() if not metric.needs_labels)
            raise InvalidArgument(
                f"{one.text!r} needs labels, and the photos have none: put them into a folder for each class, or "
                f"require one of {without}"
            )


def check_requirement(requirement: Requirement, comparison: Comparison) -> CheckedRequirement:
    """Checks a requirement. Raises InvalidArgument if the comparison has no value for its metric."""
    metric = requirement.metric
    _, of_b, change_or_both = values(metric, comparison)
    value = change_or_both if requirement.is_change or metric.of_each is None else of_b
    if value is None:
        reason = "the photos have no labels" if comparison.figures is None else metric.missing
        raise InvalidArgument(f"{requirement.text!r} cannot be checked: {reason}")
    return CheckedRequirement(requirement, value, _OPERATORS[requirement.operator](value, requirement.limit))


def _metric(name: str) -> Metric:
    wanted = name.lower().replace("-", "_")
    if wanted in METRICS:
        return METRICS[wanted]
    near = get_close_matches(wanted, METRICS, 1, 0.7)
    meant = f"; did you mean {near[0]!r}?" if near else ":"
    raise InvalidArgument(f"{name!r} is not a metric{meant} The metrics are {', '.join(METRICS)}")


def _check_limit(text: str, metric: Metric, limit: float, is_change: bool) -> None:
    if metric.range is Range.COUNT and (limit < 0 or limit != int(limit)):
        raise InvalidArgument(f"{text!r}: {metric.name} is {metric.range.value}: give a whole number of 0 or more")
    if metric.range is Range.ANY and not is_change and limit < 0:
        raise InvalidArgument(f"{text!r}: {metric.name} is {metric.range.value}")
    if metric.range is Range.CHANGE or (metric.range is Range.SHARE and is_change):
        if abs(limit) > 1:
            raise InvalidArgument(
                f"{text!r}: the change of a share is from -1 to 1: write {limit / 100:+g} for {limit:+g} %"
            )
    elif metric.range is Range.SHARE and not 0 <= limit <= 1:
        advice = f"write {limit / 100:g} for {limit:g} %" if 1 < limit <= 100 else "give a number from 0 to 1"
        both = "" if metric.of_each else " for both models together, so that it has no change from A to B"
        raise InvalidArgument(f"{text!r}: {metric.name} is {metric.range.value}{both}: {advice}")


def _advice(text: str) -> str:
    if re.fullmatch(r"\s*[\w-]+\s*", text):
        return f"{GRAMMAR}. Put it in quotation marks, because > and < are special characters of the shell"
    return GRAMMAR
