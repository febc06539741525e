"""Makes a dataset for Keras from photos: the pixels that a server would give the model, and one-hot classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lightship.datasets import LabelledPhoto
from lightship.errors import InvalidArgument
from lightship.images.preprocessing import nearest_name
from lightship.images.spec import ImageSpec
from lightship.processors import available_cpus
from lightship.training.augmentation import Augmentation, augmented
from lightship.training.pixels import PhotoPixels

DEFAULT_BATCH_SIZE = 32


def photos_dataset(
    photos: Sequence[LabelledPhoto],
    classes: Sequence[str],
    spec: ImageSpec,
    *,
    batch_size: int = DEFAULT_BATCH_SIZE,
    augment: Augmentation | None = None,
    shuffle: bool = False,
    seed: int = 0,
    epoch: int = 0,
    pixels: PhotoPixels | None = None,
) -> tf.data.Dataset:
    """Returns batches of images, float32 [n, height, width, channels], and one-hot classes, float32 [n, classes].

    Without `augment`, the images are those of `lightship.images.prepare`, bit for bit, which clients and servers
    use. Augmentation changes the pixels between resizing and preprocessing.

    spec: with a height and a width. classes: in the order of the model's outputs.
    seed, epoch: decide the order of the photos, if they are shuffled, and how each is changed; nothing else does. So an
        epoch is the same whether or not those before it were run. The dataset itself is one epoch.
    pixels: those of the same photos, to share them between datasets; by default the dataset has its own.

    Batches are made on several threads, a little ahead of the training. Raises InvalidArgument for a photo of an
    unknown class, for no photos, and for a batch size below 1. A photo that cannot be read ends the iteration with an
    error of TensorFlow that contains its path.
    """
    if batch_size < 1:
        raise InvalidArgument(f"the batch size is {batch_size}; give 1 or more")
    if not photos:
        raise InvalidArgument("a dataset needs photos: give at least one")
    labels = _indices(photos, classes)
    source = _Epoch(
        pixels or PhotoPixels([photo.path for photo in photos], spec),
        np.eye(len(classes), dtype=np.float32)[labels],
        spec,
        batch_size,
        augment if augment is not None and augment.changes else None,
        shuffle,
        (seed, epoch),
    )
    return _dataset(source, len(classes))


def _indices(photos: Sequence[LabelledPhoto], classes: Sequence[str]) -> list[int]:
    places = {label: index for index, label in enumerate(classes)}
    for photo in photos:
        if photo.label not in places:
            hint = nearest_name(photo.label, tuple(classes))
            raise InvalidArgument(f"{photo.path} has the class {photo.label!r}, which is not a class: {hint}")
    return [places[photo.label] for photo in photos]


class _Epoch:
    """The batches of one epoch."""

    def __init__(
        self,
        pixels: PhotoPixels,
        one_hot: NDArray[np.float32],
        spec: ImageSpec,
        batch_size: int,
        augmentation: Augmentation | None,
        shuffle: bool,
        seed: tuple[int, int],
    ) -> None:
        self._pixels, self._one_hot, self.spec, self._batch_size = pixels, one_hot, spec, batch_size
        self._augmentation, self._seed = augmentation, seed
        count = len(pixels)
        self._order = np.random.default_rng(seed).permutation(count) if shuffle else np.arange(count)

    def __len__(self) -> int:
        """Returns the number of batches."""
        return -(-len(self._order) // self._batch_size)

    def batch(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Returns the images and the one-hot classes of a batch. May be called by several threads at once."""
        start = int(number) * self._batch_size
        indices = [int(index) for index in self._order[start : start + self._batch_size]]
        photos: Any = [self._pixels[index] for index in indices]
        if self._augmentation is not None:
            draws = [np.random.default_rng((*self._seed, index)) for index in indices]
            photos = augmented(photos, self._augmentation, draws)
        return np.stack([self.spec.preprocessing.apply(one) for one in photos]), self._one_hot[indices]


def _dataset(source: _Epoch, classes: int) -> tf.data.Dataset:
    """Returns the dataset of an epoch.

    Not by `from_generator`: that makes malloc give memory back to the system after each step, so that a training takes
    twice the processor time.
    """
    height, width = source.spec.size

    def load(number: Any) -> tuple[Any, Any]:
        images, one_hot = tf.numpy_function(source.batch, [number], (tf.float32, tf.float32))
        images.set_shape((None, height, width, source.spec.channels))
        one_hot.set_shape((None, classes))
        return images, one_hot

    return tf.data.Dataset.range(len(source)).map(load, num_parallel_calls=available_cpus()).prefetch(1)
