"""The results of a comparison, for the terminal, JSON and the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lightship.datasets import SkippedPhoto
from lightship.evaluation.comparison.comparison import Comparison
from lightship.evaluation.comparison.requirements import CheckedRequirement


@dataclass(frozen=True, slots=True)
class ComparedModel:
    """One of the two models."""

    # The path of its version folder, or its URL.
    name: str
    model: str
    version: int


@dataclass(frozen=True, slots=True)
class ComparisonReport:
    """A comparison of the models A and B."""

    a: ComparedModel
    b: ComparedModel
    # Where the photos are from, as the user named it.
    source: str
    comparison: Comparison
    # Files about which no model was asked: those that are not photos or have no label, and those that cannot be read.
    skipped: Sequence[SkippedPhoto]
    requirements: Sequence[CheckedRequirement]

    @property
    def passed(self) -> bool:
        """Whether all requirements are fulfilled."""
        return all(one.passed for one in self.requirements)
