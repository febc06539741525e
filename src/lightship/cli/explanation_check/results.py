"""The results of a check of explanations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Curves = NDArray[np.float64]

MAX_CORRELATION = 0.5  # of the maps of a model and of its copies with random weights


@dataclass(frozen=True, slots=True)
class Comparison:
    """The curve of an explanation beside those of random maps."""

    curve: NDArray[np.float64]

    random: Curves
    """[maps, steps + 1]."""

    area: float
    random_areas: tuple[float, ...]

    @property
    def random_mean(self) -> float:
        return float(np.mean(self.random_areas))


@dataclass(frozen=True, slots=True)
class PhotoResult:
    """What was measured with one photo."""

    photo: str
    label: str
    score: float
    deletion: Comparison
    insertion: Comparison

    @property
    def deletion_gain(self) -> float:
        """By how much the area of deletion is smaller than the mean of the random maps."""
        return self.deletion.random_mean - self.deletion.area

    @property
    def insertion_gain(self) -> float:
        """By how much the area of insertion is larger than the mean of the random maps."""
        return self.insertion.area - self.insertion.random_mean

    def to_json(self) -> dict[str, Any]:
        return {
            "photo": self.photo,
            "label": self.label,
            "score": self.score,
            "deletion": self.deletion.area,
            "deletion_random": self.deletion.random_mean,
            "insertion": self.insertion.area,
            "insertion_random": self.insertion.random_mean,
        }


@dataclass(frozen=True, slots=True)
class WeightsResult:
    """How much the maps of copies with random weights are like those of the model."""

    correlations: tuple[float, ...]
    """Rank correlations, one for each photo and copy; empty if it was not checked."""

    detail: str = ""
    """Why it was not checked."""

    @property
    def mean(self) -> float | None:
        return float(np.mean(self.correlations)) if self.correlations else None

    @property
    def passed(self) -> bool | None:
        """None if it was not checked."""
        return None if self.mean is None else abs(self.mean) < MAX_CORRELATION


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The whole check."""

    model: str
    version: int | None
    method: str
    margin: float
    photos: tuple[PhotoResult, ...]
    weights: WeightsResult

    @property
    def deletion_gain(self) -> float:
        return float(np.mean([one.deletion_gain for one in self.photos]))

    @property
    def insertion_gain(self) -> float:
        return float(np.mean([one.insertion_gain for one in self.photos]))

    @property
    def passed(self) -> bool:
        """Whether explanations beat random maps by the margin, and follow the weights if that was checked."""
        better = self.deletion_gain >= self.margin and self.insertion_gain >= self.margin
        return better and self.weights.passed is not False

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "version": self.version,
            "method": self.method,
            "margin": self.margin,
            "deletion_gain": self.deletion_gain,
            "insertion_gain": self.insertion_gain,
            "weights": {"correlation": self.weights.mean, "detail": self.weights.detail},
            "passed": self.passed,
            "photos": [one.to_json() for one in self.photos],
        }
