"""Prints a comparison as one JSON object. docs/guides/compare.md describes its fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightship.cli.output import print_json
from lightship.evaluation.comparison.comparison import ClassChange, ComparedPhoto, Comparison
from lightship.evaluation.comparison.report import ComparedModel, ComparisonReport
from lightship.evaluation.comparison.requirements import CheckedRequirement
from lightship.evaluation.comparison.side_answers import Answer
from lightship.evaluation.metrics import METRICS, Metric, values


def print_comparison_json(report: ComparisonReport) -> None:
    comparison = report.comparison
    fields: dict[str, Any] = {
        "a": _model(report.a, comparison.only_a),
        "b": _model(report.b, comparison.only_b),
        "on": report.source,
        "photos": len(comparison.photos),
        "labelled": comparison.figures is not None,
        "metrics": {name: _metric(metric, comparison) for name, metric in METRICS.items()},
        "p_value": comparison.p_value,
        "classes": [_class(one) for one in comparison.class_changes],
        "changed": [_changed(one) for one in comparison.changed],
        "refused": [{"photo": str(one.path), "by": one.side, "reason": one.reason} for one in comparison.refused],
        "left_out": [{"photo": str(one.path), "reason": one.reason} for one in report.skipped],
        "ignored_labels": comparison.ignored,
        "requirements": [_requirement(one) for one in report.requirements],
        "passed": report.passed,
    }
    print_json(fields)


def _model(model: ComparedModel, only: Sequence[str]) -> dict[str, Any]:
    return {"name": model.name, "model": model.model, "version": model.version, "only_classes": only}


def _metric(metric: Metric, comparison: Comparison) -> dict[str, float | None] | float | None:
    a, b, change = values(metric, comparison)
    return change if metric.of_each is None else {"a": a, "b": b, "change": change}


def _class(one: ClassChange) -> dict[str, Any]:
    pairs = {"recall": one.recall, "precision": one.precision, "f1": one.f1}
    return {
        "label": one.label,
        "photos": one.photos,
        **{name: {"a": pair[0], "b": pair[1]} for name, pair in pairs.items()},
    }


def _changed(photo: ComparedPhoto) -> dict[str, Any]:
    return {
        "photo": str(photo.path),
        "label": photo.label,
        "a": _answer(photo.a),
        "b": _answer(photo.b),
        "outcome": photo.outcome.value,
    }


def _answer(answer: Answer | None) -> dict[str, Any] | None:
    return None if answer is None else {"label": answer.label, "score": answer.score}


def _requirement(one: CheckedRequirement) -> dict[str, Any]:
    return {
        "requirement": one.requirement.text,
        "metric": one.requirement.metric.name,
        "of": "change" if one.requirement.is_change else "value",
        "value": one.value,
        "passed": one.passed,
    }
