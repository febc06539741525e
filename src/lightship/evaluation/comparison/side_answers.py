"""What one model answered about the photos of a comparison."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NO_ANSWER = -1  # the index of the best class of a photo that was refused


@dataclass(frozen=True, slots=True)
class Answer:
    """The best class of a photo."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class SideAnswers:
    """The scores that one model gave to each photo. Make it with `side_answers`."""

    # How reports name the model, such as models/dog/2.
    name: str
    # In any order, without duplicates.
    classes: tuple[str, ...]
    # [photos, classes], float32. The row of a photo that the model refused is NaN.
    scores: NDArray[np.float32]
    # Why the model refused a photo, by the photo's index.
    refusals: Mapping[int, str]

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Whether each photo was answered, bool [photos]."""
        return ~np.isin(np.arange(len(self.scores)), list(self.refusals))

    def answer(self, index: int) -> Answer | None:
        """Returns the best class of a photo; None if the model refused it."""
        if index in self.refusals:
            return None
        best = int(self.scores[index].argmax())
        return Answer(self.classes[best], float(self.scores[index, best]))

    def take(self, indices: Sequence[int]) -> SideAnswers:
        """Returns the answers for some of the photos, which then count from 0."""
        refusals = {new: self.refusals[old] for new, old in enumerate(indices) if old in self.refusals}
        return SideAnswers(self.name, self.classes, self.scores[list(indices)], refusals)


class AnswerTable:
    """Collects what a model answers, photo by photo, and makes a table of it.

    The memory is four bytes for each photo and class.
    """

    def __init__(self, name: str, classes: Sequence[str] | None = None) -> None:
        """classes: the model's classes; None if only its answers tell them."""
        self._name = name
        self._columns = {normalized(label): column for column, label in enumerate(classes or ())}
        self._rows: list[NDArray[np.float32] | None] = []
        self._refusals: dict[int, str] = {}

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that are known so far."""
        return tuple(self._columns)

    def add(self, labels: Sequence[str], scores: Sequence[float]) -> None:
        """Adds the scores of the next photo, in any order."""
        columns = [self._columns.setdefault(normalized(label), len(self._columns)) for label in labels]
        row = np.zeros(len(self._columns), np.float32)
        row[columns] = scores
        self._rows.append(row)

    def refuse(self, reason: str) -> None:
        """Notes that the model refused the next photo."""
        self._refusals[len(self._rows)] = reason
        self._rows.append(None)

    def table(self) -> SideAnswers:
        """Returns all that was added. A class that an answer did not name has the score 0 there."""
        scores = np.zeros((len(self._rows), len(self._columns)), np.float32)
        for index, row in enumerate(self._rows):
            if row is None:
                scores[index] = np.nan
            else:
                scores[index, : len(row)] = row
        return SideAnswers(self._name, self.classes, scores, self._refusals)


def normalized(label: str) -> str:
    """Returns a label with its accents composed: macOS writes those of a folder's name as characters of their own."""
    return unicodedata.normalize("NFC", label)
