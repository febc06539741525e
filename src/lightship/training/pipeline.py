"""Makes a dataset for Keras from photos: the pixels that a server would give the model, and one-hot classes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
_AHEAD = 2  # batches whose photos are decoded before they are needed


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

    Photos are decoded on several threads, a little ahead of the training. Raises InvalidArgument for a photo of an
    unknown class, for no photos, and for a batch size below 1. A photo that cannot be read ends the iteration with an
    error of TensorFlow that contains its path.
    """
    if batch_size < 1:
        raise InvalidArgument(f"the batch size is {batch_size}; give 1 or more")
    if not photos:
        raise InvalidArgument("a dataset needs photos: give at least one")
    height, width = spec.size
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
    signature = (
        tf.TensorSpec((None, height, width, spec.channels), tf.float32),
        tf.TensorSpec((None, len(classes)), tf.float32),
    )
    dataset = tf.data.Dataset.from_generator(source.batches, output_signature=signature)
    batches = -(-len(photos) // batch_size)
    return dataset.apply(tf.data.experimental.assert_cardinality(batches)).prefetch(1)


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
        self._pixels, self._one_hot, self._spec, self._batch_size = pixels, one_hot, spec, batch_size
        self._augmentation, self._shuffle, self._seed = augmentation, shuffle, seed

    def batches(self) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        with ThreadPoolExecutor(available_cpus(), "decode-photos") as threads:
            waiting: deque[tuple[list[int], list[Future[NDArray[Any]]]]] = deque()
            try:
                for indices in self._indices():
                    waiting.append((indices, [threads.submit(self._pixels.__getitem__, one) for one in indices]))
                    if len(waiting) > _AHEAD:
                        yield self._batch(*waiting.popleft())
                while waiting:
                    yield self._batch(*waiting.popleft())
            finally:
                threads.shutdown(wait=False, cancel_futures=True)

    def _indices(self) -> Iterator[list[int]]:
        """Yields the photos of each batch by their indices."""
        count = len(self._pixels)
        order = np.random.default_rng(self._seed).permutation(count) if self._shuffle else np.arange(count)
        for start in range(0, count, self._batch_size):
            yield [int(index) for index in order[start : start + self._batch_size]]

    def _batch(
        self, indices: list[int], decoded: list[Future[NDArray[Any]]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        photos: Any = [one.result() for one in decoded]
        if self._augmentation is not None:
            draws = [np.random.default_rng((*self._seed, index)) for index in indices]
            photos = augmented(photos, self._augmentation, draws)
        return np.stack([self._spec.preprocessing.apply(one) for one in photos]), self._one_hot[indices]
