"""What a report is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightship.datasets.photo import LabelledPhoto, SkippedPhoto
from lightship.errors import InvalidArgument
from lightship.images.spec import ImageSpec


@dataclass(frozen=True, slots=True)
class EpochFigures:
    """The figures of one epoch. Losses and accuracies are NaN where they are not known."""

    # The name of the part of the training that the epoch belongs to, such as "new head".
    phase: str
    loss: float
    accuracy: float
    valid_loss: float
    valid_accuracy: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True, slots=True)
class ReportContent:
    """A training, and what the trained model answered for the validation photos."""

    # The name of the model.
    title: str
    # The command that trains the model again.
    command: str
    # When the training ended, as text.
    created: str
    # The name of the network that the training began with.
    base: str
    spec: ImageSpec
    # In the order of the probabilities.
    classes: tuple[str, ...]
    epochs: tuple[EpochFigures, ...]
    # The index of the epoch whose weights the model has, from 0; None to mark no epoch.
    best_epoch: int | None
    # The validation photos; their labels are among the classes.
    photos: tuple[LabelledPhoto, ...]
    # Of the classes for each validation photo, float32 [photos, classes].
    probabilities: NDArray[np.float32]
    # The training photos of each class.
    counts: Mapping[str, int]
    unreadable: tuple[SkippedPhoto, ...]
    # The photos of each class that has too few of them, and whether these classes were kept.
    rare: Mapping[str, int]
    rare_kept: bool
    # Returns the encoded photo with the explanation of the class with this index over it; None if there is none.
    heat_map: Callable[[Path, int], bytes | None] | None

    def truth(self) -> NDArray[np.int64]:
        """Returns the index of the class of each validation photo, int64 [photos].

        Raises InvalidArgument if a label is not among the classes.
        """
        index = {label: number for number, label in enumerate(self.classes)}
        for photo in self.photos:
            if photo.label not in index:
                raise InvalidArgument(f"{photo.path} has the label {photo.label!r}, which is not among the classes")
        return np.array([index[photo.label] for photo in self.photos], np.int64)

    def training_counts(self) -> tuple[int, ...]:
        """Returns the number of training photos of each class, in the order of the classes."""
        return tuple(int(self.counts.get(label, 0)) for label in self.classes)
