"""Prints a comparison as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lightship.cli.output import add_row, print_styled, print_text
from lightship.evaluation.comparison.comparison import Comparison, Outcome
from lightship.evaluation.comparison.report import ComparisonReport
from lightship.evaluation.comparison.requirements import CheckedRequirement
from lightship.evaluation.comparison.side_answers import Answer
from lightship.evaluation.comparison.text import (
    UNDEFINED,
    chance_text,
    changed_number,
    metric_number,
    number,
    requirement_number,
)
from lightship.evaluation.metrics import METRICS, values

if TYPE_CHECKING:
    from rich.table import Table

_MAX_CLASSES, _MAX_NAMES, _MAX_SKIPPED = 20, 10, 10  # that are printed


def print_comparison(report: ComparisonReport, max_changes: int) -> None:
    """Prints tables, and last whether the requirements are fulfilled.

    max_changes: how many changed answers are listed.
    """
    comparison = report.comparison
    for letter, side in (("A", report.a), ("B", report.b)):
        print_text(f"{letter}: {side.name}, model {side.model}, version {side.version}")
    classes = "" if comparison.figures is None else f", {_counted(len(comparison.class_changes), 'class', 'classes')}"
    print_text(f"{_counted(len(comparison.photos), 'photo')} of {report.source}{classes}")
    _print_left_out(report)
    print_text()
    _print_metrics(comparison)
    if comparison.figures is not None:
        print_text()
        _print_classes(comparison)
    print_text()
    _print_changes(comparison, max_changes)
    if report.requirements:
        print_text()
        _print_requirements(report.requirements)


def _print_left_out(report: ComparisonReport) -> None:
    """Prints what was left out, and how the classes of the models differ."""
    comparison = report.comparison
    for letter, names in (("A", comparison.only_a), ("B", comparison.only_b)):
        if names:
            print_text(f"Only {letter} knows {_listed(names)}")
    if comparison.ignored:
        ignored = [f"{label} ({_counted(photos, 'photo')})" for label, photos in comparison.ignored.items()]
        print_text(f"Left out, because neither model knows the label: {_listed(ignored)}")
    skipped = [f"Left out: {one.path}: {one.reason.removeprefix(f'{one.path} ')}" for one in report.skipped]
    skipped += _refusals(comparison)
    for line in skipped[:_MAX_SKIPPED]:
        print_text(line)
    if len(skipped) > _MAX_SKIPPED:
        print_text(f"and {len(skipped) - _MAX_SKIPPED} more, which --json and --html list")


def _refusals(comparison: Comparison) -> list[str]:
    """Returns a line for each photo that a model refused, and one for a photo that both refused for the same reason."""
    reasons: dict[tuple[Path, str], list[str]] = {}
    for one in comparison.refused:
        reasons.setdefault((one.path, one.reason), []).append(one.side)
    return [
        f"Both refuse {path}: {reason}" if len(sides) > 1 else f"{sides[0]} refuses {path}: {reason}"
        for (path, reason), sides in reasons.items()
    ]


def _print_metrics(comparison: Comparison) -> None:
    table = _table(("Metric", "A", "B", "Change"), left=1)
    for metric in METRICS.values():
        a, b, change = values(metric, comparison)
        if metric.of_each is not None and (a is not None or b is not None):
            add_row(table, metric.name, number(a), number(b), changed_number(change))
    print_styled(table)
    print_text()
    table = _table(("Both", ""), left=1)
    for metric in METRICS.values():
        value = values(metric, comparison)[2]
        if metric.of_both is not None and value is not None:
            add_row(table, metric.name, metric_number(metric, value))
    print_styled(table)
    chance = chance_text(comparison)
    if chance:
        print_text(chance)


def _print_classes(comparison: Comparison) -> None:
    changes = comparison.class_changes
    shown = sorted((one for one in changes if one.is_changed), key=lambda one: -abs(one.recall_change))[:_MAX_CLASSES]
    if not shown:
        print_text("Recall and precision are the same for every class")
        return
    table = _table(("Class", "Photos", "Recall A", "B", "Change", "Precision A", "B"), left=1)
    for one in sorted(shown, key=lambda one: one.recall_change):
        recall, precision = (map(number, pair) for pair in (one.recall, one.precision))
        add_row(table, one.label, str(one.photos), *recall, changed_number(one.recall_change), *precision)
    print_styled(table)
    hidden = len(changes) - len(shown)
    if hidden:
        print_text(f"{_counted(hidden, 'more class', 'more classes')} changed less or not at all")


def _print_changes(comparison: Comparison, most: int) -> None:
    changed = comparison.changed
    if not changed:
        print_text("Both models give every photo the same class")
        return
    print_text(f"{len(changed)} of {_counted(len(comparison.photos), 'answer')} changed")
    if not most:
        return
    table = _table(("Photo", "Label", "Outcome", "A", "", "B", ""), left=7)
    for photo in changed[:most]:
        outcome = UNDEFINED if photo.outcome is Outcome.UNKNOWN else photo.outcome.value
        add_row(table, str(photo.path), photo.label or UNDEFINED, outcome, *_cells(photo.a), *_cells(photo.b))
    print_styled(table)
    if len(changed) > most:
        print_text(f"and {len(changed) - most} more: --changes N prints more of them, --json and --html list all")


def _print_requirements(requirements: Sequence[CheckedRequirement]) -> None:
    table = _table(("Requirement", "Result", "Found"), left=2)
    for one in requirements:
        add_row(table, one.requirement.text, "passed" if one.passed else "failed", requirement_number(one))
    print_styled(table)
    failed = sum(not one.passed for one in requirements)
    print_text(f"B fails {failed} of {_counted(len(requirements), 'requirement')}" if failed else "B is accepted")


def _cells(answer: Answer | None) -> tuple[str, str]:
    return ("refused", "") if answer is None else (answer.label, f"{answer.score:.3f}")


def _table(columns: Iterable[str], left: int) -> Table:
    """Returns a table. left: how many of the first columns hold texts; the others hold numbers."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for index, column in enumerate(columns):
        justify: Literal["left", "right"] = "left" if index < left else "right"
        table.add_column(column, justify=justify, overflow="fold")
    return table


def _counted(count: int, noun: str, plural: str = "") -> str:
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return f"{', '.join(names[:_MAX_NAMES])}{more}"
