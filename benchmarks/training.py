"""What the weights of ImageNet are worth: EfficientNet-Lite0 from them, and the same network from random weights.

`python -m benchmarks.training [--photos 20] [--size 128] [--epochs 7] [--fine-tune-epochs 2] [--seed 0]` trains both
networks on so many photos of each class of the demo, and measures them on all the other photos of it. From the weights
of ImageNet, the new head trains first, then all layers, as `lightship train` does it. From random weights, all layers
train for as many epochs, at the larger learning rate.

Batch normalization makes so few steps look worse than they are: its averages are still near those of the random
weights. So they are measured anew on the training photos, and the random weights are counted with these too, if that is
better for them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from demo.photos import divide, fetch

from lightship import ImageSpec, TransferModel
from lightship.datasets import LabelledPhoto
from lightship.training.augmentation import Augmentation
from lightship.training.bases import IMAGENET
from lightship.training.pipeline import photos_dataset
from lightship.training.pixels import PhotoPixels

BASE = "efficientnet-lite0"
BATCH_SIZE = 20
RATE, FINE_TUNE_RATE = 1e-3, 1e-4


@dataclass(frozen=True, slots=True)
class Plan:
    """How a network is trained."""

    size: int
    epochs: int
    fine_tune_epochs: int
    seed: int


@dataclass(frozen=True, slots=True)
class Row:
    """What one network reached on the photos that it was not trained on."""

    name: str
    accuracy: float
    recalls: tuple[float, ...]  # of each class
    seconds: float

    @property
    def mean_recall(self) -> float:
        return sum(self.recalls) / len(self.recalls)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=20, help="of each class, for training")
    parser.add_argument("--size", type=int, default=128, help="height and width of the networks' images, in pixels")
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--fine-tune-epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.perf_counter()
    taken, rest = divide(fetch(), options.photos)
    train, held_out, classes = labelled(taken), labelled(rest), tuple(sorted(taken))
    print(f"{len(train)} photos of {len(classes)} classes for training, and {len(held_out)} to measure on", flush=True)
    plan = Plan(options.size, options.epochs, options.fine_tune_epochs, options.seed)
    rows: list[Row] = []
    for weights in (IMAGENET, None):
        keras.utils.set_random_seed(plan.seed)
        begun = time.perf_counter()
        one = Training(plan, weights, train, classes)
        one.run()
        seconds = time.perf_counter() - begun
        rows.append(one.row("the weights of ImageNet" if weights else "random weights", held_out, seconds))
        if weights is None:
            one.renew_averages()
            rows.append(one.row("random weights, new averages", held_out, seconds))
    report(rows, classes, time.perf_counter() - start)


def labelled(photos: Mapping[str, Sequence[Path]]) -> list[LabelledPhoto]:
    return [LabelledPhoto(path, label) for label, paths in photos.items() for path in paths]


class Training:
    """A network that is trained on photos."""

    def __init__(
        self, plan: Plan, weights: str | None, photos: Sequence[LabelledPhoto], classes: Sequence[str]
    ) -> None:
        self.plan, self.weights, self.photos, self.classes = plan, weights, photos, classes
        shape = (plan.size, plan.size, 3)
        self.model = TransferModel(base=BASE, shape=shape, classes=classes, weights=weights)
        assert isinstance(self.model.image, ImageSpec)
        self.spec = self.model.image

    def run(self) -> None:
        """Trains the head and then everything, or everything from the start if the weights are random."""
        pixels = PhotoPixels([photo.path for photo in self.photos], self.spec)
        self._compile(RATE, self.weights is None)
        for epoch in range(self.plan.epochs + self.plan.fine_tune_epochs):
            if self.weights and epoch == self.plan.epochs:
                self._compile(FINE_TUNE_RATE, True)
            dataset = photos_dataset(
                self.photos,
                self.classes,
                self.spec,
                batch_size=BATCH_SIZE,
                augment=Augmentation.standard(),
                shuffle=True,
                seed=self.plan.seed,
                epoch=epoch,
                pixels=pixels,
            )
            self.model.train(dataset, epochs=1, patience=None, verbose=0, shuffle=False)

    def _compile(self, rate: float, everything: bool) -> None:
        self.model.set_unfreeze("all" if everything else None)
        self.model.compile(optimizer=keras.optimizers.Adam(rate))

    def renew_averages(self) -> None:
        """Sets the averages of batch normalization to those of the training photos, all in one batch."""
        for layer in self.model.model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = 0.0
        (batch,) = photos_dataset(self.photos, self.classes, self.spec, batch_size=len(self.photos))
        self.model.model(batch[0], training=True)

    def row(self, name: str, held_out: Sequence[LabelledPhoto], seconds: float) -> Row:
        answers = self.model.predict(photos_dataset(held_out, self.classes, self.spec), proba=False)
        truth = np.array([self.classes.index(photo.label) for photo in held_out])
        right = answers == truth
        recalls = tuple(float(right[truth == index].mean()) for index in range(len(self.classes)))
        return Row(name, float(right.mean()), recalls, seconds)


def report(rows: Sequence[Row], classes: Sequence[str], seconds: float) -> None:
    """Prints a table: the accuracy, and the share of each class that was recognized."""
    head = f"{'from':30} {'accuracy':>9} {'mean recall':>12} {'trained in':>11}   {'  '.join(classes)}"
    print(f"\n{head}\n{'-' * len(head)}")
    for one in rows:
        recalls = "  ".join(f"{recall:{len(label)}.0%}" for label, recall in zip(classes, one.recalls, strict=True))
        print(f"{one.name:30} {one.accuracy:9.1%} {one.mean_recall:12.1%} {one.seconds:9.0f} s   {recalls}")
    gain = rows[0].accuracy - max(one.accuracy for one in rows[1:])
    print(f"\nThe weights of ImageNet gain {gain * 100:.1f} points. All of it took {seconds:.0f} s.")


if __name__ == "__main__":
    main()
