"""Decides which photos to keep: those in which given classes are probable enough together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lightship.datasets.photo import SkippedPhoto
from lightship.errors import LightshipError
from lightship.training.general import GeneralClassifier
from lightship.training.sifting.finding import Photo


@dataclass(frozen=True, slots=True)
class SiftedPhoto:
    """A photo, and how probable it is that it shows something of the wanted classes."""

    photo: Photo
    # The sum of the probabilities of the wanted classes.
    probability: float
    # The most probable of all classes.
    best: str
    kept: bool


def sift(
    classifier: GeneralClassifier, photos: Sequence[Photo], wanted: Sequence[int], threshold: float
) -> Iterator[SiftedPhoto | SkippedPhoto]:
    """Yields what becomes of each photo, in their order.

    wanted: the indices of the classes to keep. threshold: how probable they must be together, from 0 to 1; a photo with
    exactly this probability is kept.
    """
    indices = list(wanted)
    answers = classifier.answers(photo.path for photo in photos)
    for photo, answer in zip(photos, answers, strict=True):
        if isinstance(answer, LightshipError):
            yield SkippedPhoto(photo.path, answer.message)
        else:
            probability = float(answer[indices].sum(dtype="float64"))
            yield SiftedPhoto(photo, probability, classifier.classes[int(answer.argmax())], probability >= threshold)
