"""Classifies encoded images: decodes and preprocesses them, runs the model, and sorts the labels by score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.batching import EngineCall, EngineRun, Steps, complete
from lightship.bundle.missing_image import FAMILY_ADVICE, INTENDED, image_arguments, takes_images
from lightship.errors import Cancelled, FailedPrecondition, Internal, InvalidArgument, LightshipError, Unavailable
from lightship.images.prepare import prepare
from lightship.images.spec import ImageSpec
from lightship.lifecycle.servable import Servable
from lightship.memory_budget import NOT_COUNTED, Growing, Reservation, SharedReservation
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, Signature
from lightship.services.helpers import try_together
from lightship.services.timed_steps import timed

# The number of images that are run together. More would not be faster, and each takes megabytes inside the model.
ROWS_AT_ONCE = 32
_BATCHES = 4  # batches in memory at a time: this one, in the model's dtype, in the engine, and the next one
_RANKED_BYTES = 32  # of a class of an image: its score and its index, sorted and not, and its label


@dataclass(frozen=True, slots=True)
class Ranking:
    """The classes of one image, the best first."""

    labels: list[str]
    # One score for each label.
    scores: NDArray[np.float32]


def classify_images(
    servable: Servable, images: Sequence[bytes], top: int | None = None, memory: Reservation = NOT_COUNTED
) -> list[Ranking]:
    """Returns the `top` best classes of each encoded image, by default all; equal scores in the order of the labels.

    Pixels and scores are counted in `memory` before they are allocated. Raises FailedPrecondition if the version has no
    image spec or no labels, InvalidArgument or TooLarge for the first image that cannot be read, and the errors of
    `Reservation.grow`.
    """
    return complete(classify_images_steps(servable, images, top, memory))


def classify_images_steps(
    servable: Servable, images: Sequence[bytes], top: int | None = None, memory: Reservation = NOT_COUNTED
) -> Steps[list[Ranking]]:
    """Does what `classify_images` does, in steps."""
    return timed(servable, "Predict", _classify_steps(servable, images, top, memory))


def _classify_steps(
    servable: Servable, images: Sequence[bytes], top: int | None, memory: Reservation
) -> Steps[list[Ranking]]:
    labels, spec = of_classifier(servable)
    if top is not None and top < 1:
        raise InvalidArgument(f"top is {top}; give 1 or more")
    order, scores = yield from _ranked(servable, spec, images, len(labels), memory)
    return [
        Ranking([labels[index] for index in best[:top]], row[:top]) for best, row in zip(order, scores, strict=True)
    ]


def rank_images_steps(
    servable: Servable, images: Sequence[bytes], memory: Reservation = NOT_COUNTED
) -> Steps[tuple[NDArray[np.object_], NDArray[np.float32]]]:
    """Returns all classes of each image as two outputs: labels as UTF-8 bytes and scores, both [N, classes].

    Raises the errors of `classify_images`.
    """
    labels, spec = of_classifier(servable)
    encoded = np.array([label.encode() for label in labels], dtype=object)
    order, scores = yield from _ranked(servable, spec, images, len(labels), memory)
    return encoded[order], scores


def of_classifier(servable: Servable) -> tuple[Sequence[str], ImageSpec]:
    """Returns the labels and the image spec of a version.

    Raises FailedPrecondition, with what to do, if it lacks one of them.
    """
    labels, spec = servable.bundle.labels, servable.bundle.image
    if spec is not None and labels is not None:
        return labels, spec
    raise FailedPrecondition(f"{servable.id} {_refusal(servable)}")


def _refusal(servable: Servable) -> str:
    """Returns what a model lacks to classify encoded images, and what to do."""
    bundle = servable.bundle
    if bundle.manifest is not None and bundle.manifest.no_image == INTENDED:
        return "cannot classify encoded images, because its export said that it takes only tensors: send tensors"
    if not takes_images(bundle):
        return f"cannot classify encoded images, because its {DEFAULT_SIGNATURE} does not take one image: send tensors"
    lacking = {
        "image spec": (bundle.image is None, *image_arguments(bundle)),
        "labels": (bundle.labels is None, "--classes FILE", "classes=..."),
    }
    missing = {what: words for what, (lacks, *words) in lacking.items() if lacks}
    options, arguments = (" and ".join(words) for words in zip(*missing.values(), strict=True))
    family = f"; {FAMILY_ADVICE}" if bundle.image is None else ""
    return (
        f"has no {' and no '.join(missing)}, so it cannot classify encoded images: export the model again with "
        f"{options} (in Python {arguments}), or send tensors{family}"
    )


def _ranked(
    servable: Servable, spec: ImageSpec, images: Sequence[bytes], classes: int, memory: Reservation
) -> Steps[tuple[NDArray[np.intp], NDArray[np.float32]]]:
    """Returns the indices of the classes and their scores, both [N, classes], the best first."""
    if not images:
        return np.empty((0, classes), np.intp), np.empty((0, classes), np.float32)
    batch = _BATCHES * 4 * min(len(images), ROWS_AT_ONCE) * spec.size[0] * spec.size[1] * spec.channels
    memory.grow(batch + _RANKED_BYTES * len(images) * classes)
    parts = []
    for start in range(0, len(images), ROWS_AT_ONCE):
        rows = prepared_images(servable, spec, images, start, memory)
        parts.append((yield from scores_of_images(servable, rows, classes)))
    scores = np.concatenate(parts)
    memory.shrink(batch)
    order = np.argsort(-scores, axis=1, kind="stable")
    return order, np.take_along_axis(scores, order, axis=1)


def scores_of_images(servable: Servable, batch: NDArray[Any], classes: int) -> Steps[NDArray[np.float32]]:
    """Runs the model on images that are prepared, [N, ...]. Returns the scores of all classes, float32 [N, classes].

    Raises FailedPrecondition if the version does not return one row of scores for each image.
    """
    signature = _default_signature(servable)
    ((name, spec),) = signature.inputs.items()
    (output,) = signature.outputs
    typed: NDArray[Any] = batch if batch.dtype == spec.dtype.numpy else batch.astype(spec.dtype.numpy)
    results = yield EngineRun(servable.scheduler, EngineCall(DEFAULT_SIGNATURE, {name: typed}))
    scores = results[output]
    if scores.shape != (len(batch), classes):
        raise Internal(
            f"{servable.id} returned scores of shape {list(scores.shape)} for {classes} labels: export the model again"
        )
    return scores.astype(np.float32, copy=False)


def _default_signature(servable: Servable) -> Signature:
    signature = servable.signature(DEFAULT_SIGNATURE)
    if signature is None or len(signature.inputs) != 1 or len(signature.outputs) != 1:
        raise FailedPrecondition(
            f"the signature {DEFAULT_SIGNATURE} of {servable.id} does not take one image and return one row of scores, "
            "so the model cannot classify encoded images: send tensors"
        )
    return signature


def prepared_images(
    servable: Servable, spec: ImageSpec, images: Sequence[bytes], start: int, memory: Reservation
) -> NDArray[np.float32]:
    """Returns at most `ROWS_AT_ONCE` images from `start` on, prepared for the model: float32 [N, H, W, channels].

    Idle processors help with several images. `memory` counts what decoding takes; the caller has counted the result.
    Raises the errors of `prepare` for the first image that has one.
    """
    some = images[start : start + ROWS_AT_ONCE]
    batch = np.empty((len(some), *spec.size, spec.channels), np.float32)

    def fill(row: int, memory: Growing) -> None:
        batch[row] = prepare(some[row], spec, max_pixels=servable.max_pixels, memory=memory)

    # Where there is no memory for several at once, the rest is done one by one.
    shared = SharedReservation(memory)
    filled = try_together(lambda row: fill(row, shared), len(some)) if len(some) > 1 else [False]
    for row in (row for row, done in enumerate(filled) if not done):
        try:
            fill(row, memory)
        except LightshipError as error:
            if len(images) == 1 or isinstance(error, Unavailable | Cancelled):  # not the image's fault
                raise
            raise type(error)(f"image {start + row} of {len(images)}: {error.message}") from error
    return batch
