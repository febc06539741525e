"""The photos of a training as batches, for each epoch the same ones again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.datasets import PhotoSet
from lightship.errors import LightshipError
from lightship.images.spec import ImageSpec
from lightship.training.augmentation import Augmentation
from lightship.training.pixels import PhotoPixels
from lightship.training.run.options import TrainOptions

_SHOWN = 5  # photos or classes that are named


class _Pixels(PhotoPixels):
    """Remembers the error of a photo that cannot be read any more. TensorFlow reports only a traceback of it."""

    failure: LightshipError | None = None

    def __getitem__(self, index: int) -> NDArray[Any]:
        try:
            return super().__getitem__(index)
        except LightshipError as error:
            self.failure = error
            raise


class TrainingData:
    """The batches of a photo set. The seed decides the order and the augmentation of each epoch.

    The pixels of photos are kept in memory where they fit, for all epochs.
    """

    def __init__(self, photos: PhotoSet, image: ImageSpec, options: TrainOptions) -> None:
        from lightship.training.pipeline import photos_dataset

        self._photos, self._image, self._options = photos, image, options
        self._pixels, valid = (_Pixels([one.path for one in part], image) for part in (photos.train, photos.valid))
        self._valid_pixels = valid
        self._dataset = photos_dataset
        self.batches = -(-len(photos.train) // options.batch_size)
        self.valid = photos_dataset(photos.valid, photos.classes, image, batch_size=options.batch_size, pixels=valid)

    @property
    def failure(self) -> LightshipError | None:
        """The error of a photo that could not be read, or None."""
        return self._pixels.failure or self._valid_pixels.failure

    def train(self, epoch: int) -> Any:
        """Returns the dataset of an epoch, which is counted from 0 through all phases."""
        options = self._options
        return self._dataset(
            self._photos.train,
            self._photos.classes,
            self._image,
            batch_size=options.batch_size,
            augment=Augmentation.standard() if options.augment else None,
            shuffle=True,
            seed=options.seed,
            epoch=epoch,
            pixels=self._pixels,
        )

    def probabilities(self, model: Any) -> NDArray[np.float32]:
        """Returns the probabilities of the classes for the validation photos in their order, [n, classes]."""
        return np.asarray(model.predict(self.valid, verbose=0), np.float32)


def left_out_texts(photos: PhotoSet) -> Iterator[str]:
    """Yields a line each about files that are not used, and about classes with few photos or none for validation."""
    if photos.unreadable:
        named = [f"{one.path} ({one.reason})" for one in photos.unreadable]
        yield f"skipped {_count(len(named), 'file')}: {_some(named)}"
    if few := [f"{name} ({_count(count, 'photo')})" for name, count in photos.rare.items() if count]:
        what = "kept" if photos.rare_kept else "left out"
        advice = "" if photos.rare_kept else "; --keep-rare keeps them"
        yield f"{what} {_classes(len(few))} with few photos: {_some(few)}{advice}"
    if without := [name for name, count in photos.rare.items() if not count]:
        yield f"left out {_classes(len(without))} without a photo that can be used: {_some(without)}"
    validated = {photo.label for photo in photos.valid}
    unchecked = [name for name in photos.classes if name not in validated]
    if unchecked:
        yield f"{_classes(len(unchecked))} without a validation photo: {_some(unchecked)}"


def _some(texts: list[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _classes(number: int) -> str:
    return f"{number} {'class' if number == 1 else 'classes'}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
