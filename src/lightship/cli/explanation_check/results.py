"""The results of a check of explanations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Curves = NDArray[np.float64]

MAX_CORRELATION = 0.5  # of the maps of a model and of its copies with random weights
_MAX_HIDDEN_SCORE = 0.5  # of the class in a photo that is hidden, as a part of its score in the photo


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
    def deletion_counts(self) -> bool:
        """Whether the score is lower if the photo is black. If it is not, no map can make it fall."""
        whole, hidden = self.deletion.curve[[0, -1]]
        return bool(hidden <= _MAX_HIDDEN_SCORE * whole)

    @property
    def insertion_counts(self) -> bool:
        """Whether the score is lower if the photo is blurred. If it is not, no map can make it rise."""
        hidden, whole = self.insertion.curve[[0, -1]]
        return bool(hidden <= _MAX_HIDDEN_SCORE * whole)

    def to_json(self) -> dict[str, Any]:
        return {
            "photo": self.photo,
            "label": self.label,
            "score": self.score,
            "deletion": self.deletion.area,
            "deletion_random": self.deletion.random_mean,
            "deletion_counts": self.deletion_counts,
            "insertion": self.insertion.area,
            "insertion_random": self.insertion.random_mean,
            "insertion_counts": self.insertion_counts,
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
    def deletions(self) -> list[Comparison]:
        """Those of the photos that count."""
        return [one.deletion for one in self.photos if one.deletion_counts]

    @property
    def insertions(self) -> list[Comparison]:
        """Those of the photos that count."""
        return [one.insertion for one in self.photos if one.insertion_counts]

    @property
    def deletion_gain(self) -> float | None:
        """The mean of the photos that count; None if there is none."""
        return _mean(one.random_mean - one.area for one in self.deletions)

    @property
    def insertion_gain(self) -> float | None:
        """The mean of the photos that count; None if there is none."""
        return _mean(one.area - one.random_mean for one in self.insertions)

    @property
    def passed(self) -> bool | None:
        """Whether explanations beat random maps by the margin, and follow the weights, as far as that was checked.

        None if no photo counts.
        """
        gains = [gain for gain in (self.deletion_gain, self.insertion_gain) if gain is not None]
        if not gains:
            return None
        return all(gain >= self.margin for gain in gains) and self.weights.passed is not False

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


def _mean(numbers: Iterable[float]) -> float | None:
    found = list(numbers)
    return float(np.mean(found)) if found else None
