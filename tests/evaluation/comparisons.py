"""Makes the answers of two models for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightship.datasets import SkippedPhoto
from lightship.evaluation.comparison.comparison import Comparison, compare_answers
from lightship.evaluation.comparison.report import ComparedModel, ComparisonReport
from lightship.evaluation.comparison.requirements import check_requirement, parse_requirement
from lightship.evaluation.comparison.side_answers import AnswerTable, SideAnswers


def side(name: str, labels: Sequence[str | None], classes: Sequence[str] = ("cat", "dog", "eel")) -> SideAnswers:
    """A model that answers with these labels, each with 0.8; None for a photo that it refuses."""
    table = AnswerTable(name, classes)
    for label in labels:
        if label is None:
            table.refuse("the image is truncated")
        else:
            rest = 0.2 / (len(classes) - 1)
            table.add(classes, [0.8 if one == label else rest for one in classes])
    return table.table()


def scored(name: str, classes: Sequence[str], scores: NDArray[np.float64]) -> SideAnswers:
    table = AnswerTable(name, classes)
    for row in scores:
        table.add(classes, row.tolist())
    return table.table()


def paths(count: int) -> list[Path]:
    return [Path(f"{index}.jpg") for index in range(count)]


def compared(
    labels: Sequence[str] | None, a: Sequence[str | None], b: Sequence[str | None], *, ignore_unknown: bool = False
) -> Comparison:
    return compare_answers(paths(len(a)), labels, side("A", a), side("B", b), ignore_unknown=ignore_unknown)


def reported(comparison: Comparison, *requirements: str) -> ComparisonReport:
    """The report of a comparison with these requirements."""
    checked = [check_requirement(parse_requirement(text), comparison) for text in requirements]
    models = (ComparedModel(f"models/dog/{version}", "dog", version) for version in (1, 2))
    return ComparisonReport(*models, "photos", comparison, [SkippedPhoto(Path("gone.jpg"), "it is gone")], checked)
