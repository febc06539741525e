"""Explain: for each image a map of the parts that raise the score of a class.

The maps are computed by signatures that an export adds to the graph, one for each method. They take the model's own
input, so that images are prepared here by the same code as for `classify_images`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.batching import EngineCall, EngineRun, Steps, complete
from lightship.bundle.explain_spec import CLASS_INDEX, PREDICTED, ExplainSpec
from lightship.engines.base import check_inputs
from lightship.errors import FailedPrecondition, Internal, InvalidArgument, LightshipError
from lightship.images.fit import Region, seen_region
from lightship.images.opening import image_size
from lightship.lifecycle.servable import Servable
from lightship.memory_budget import NOT_COUNTED, Reservation
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, Signature, TensorSpec
from lightship.services.images import ROWS_AT_ONCE, of_classifier, prepared_images, scores_of_images
from lightship.services.nearest_name import KnownNames
from lightship.services.predict_checks import with_shapes
from lightship.tensors.array_memory import memory_of

# The most classes of an image that one request explains: each takes a further run of the model.
MAX_TOP = 20

_RESULTS = ("map", CLASS_INDEX, "score", "logit")  # the outputs of the signature of a method
_COPIES = 5  # of a batch: as prepared, in the model's dtype, its rows repeated, in the engine, and the next one
_LISTED = 10  # labels in an error's text
_SHOWN = 64  # characters of a name in an error's text

# Returns the images from one index to another, prepared for the model.
_Images = Callable[[int, int], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Explanations:
    """The explanations of images: one row for each, or for several classes of each one after the other."""

    method: str
    # The layer whose features the maps show.
    layer: str
    # float32 [rows, height, width], of the layer's size. Positive where the image raises the score of the class.
    maps: NDArray[np.float32]
    # int32 [rows].
    class_index: NDArray[np.int32]
    # The names of these classes; None where the version has no labels.
    labels: Sequence[str | None]
    # float32 [rows]: the model's own output for the class.
    scores: NDArray[np.float32]
    # float32 [rows]: what the map explains; equal to the score if the model's last layer has no activation.
    logits: NDArray[np.float32]


def explain_images(
    servable: Servable, images: Sequence[bytes], classes: Sequence[int] | None = None, method: str | None = None
) -> Explanations:
    """Does what `explain_images_steps` does, at once."""
    return complete(explain_images_steps(servable, images, classes, method))


def explain_arrays(
    servable: Servable, batch: NDArray[Any], classes: Sequence[int] | None = None, method: str | None = None
) -> Explanations:
    """Does what `explain_arrays_steps` does, at once."""
    return complete(explain_arrays_steps(servable, batch, classes, method))


def explain_images_steps(
    servable: Servable,
    images: Sequence[bytes],
    classes: Sequence[int] | None = None,
    method: str | None = None,
    memory: Reservation = NOT_COUNTED,
    *,
    top: int = 1,
) -> Steps[Explanations]:
    """Explains encoded images, in steps.

    classes: the index of a class for each image; None, and `PREDICTED` for an image, is the predicted class.
    method: one of those that the version has; None is its default.
    top: explain the best `top` classes of each image, the best first, instead of one. Then `classes` must be None.

    Pixels and maps are counted in `memory` before they are allocated. Raises FailedPrecondition if the version has no
    explanations or takes no encoded images, InvalidArgument for an unknown method, a class that does not exist, another
    number of classes than of images and an invalid `top`, the errors of `classify_images` for images, and those of
    `Reservation.grow`.
    """
    method, signature = method_of(servable, method)
    _, spec = of_classifier(servable)
    wanted = _checked_classes(servable, classes, len(images), top)
    pixels = _COPIES * 4 * min(len(images), ROWS_AT_ONCE) * spec.size[0] * spec.size[1] * spec.channels
    memory.grow(pixels)
    try:
        rows = _Rows(servable, signature, lambda start, _: prepared_images(servable, spec, images, start, memory))
        return (yield from _explained(rows, method, wanted, top, memory))
    finally:
        memory.shrink(pixels)


def explain_arrays_steps(
    servable: Servable,
    batch: NDArray[Any],
    classes: Sequence[int] | None = None,
    method: str | None = None,
    memory: Reservation = NOT_COUNTED,
    *,
    top: int = 1,
) -> Steps[Explanations]:
    """Explains images that are the model's own input already, [N, ...] of its dtype, in steps.

    The other arguments and the errors are those of `explain_images_steps`; InvalidArgument for shapes that the model
    does not take.
    """
    method, signature = method_of(servable, method)
    spec = image_input(signature)
    if batch.ndim == 0:
        raise InvalidArgument(f'input "{spec.name}" is a single number: give images, of shape [N, ...]')
    check_inputs(without_class(signature), {spec.name: batch})
    wanted = _checked_classes(servable, classes, len(batch), top)
    copies = _COPIES * memory_of([batch[:ROWS_AT_ONCE]])
    memory.grow(copies)
    try:
        rows = _Rows(servable, signature, lambda start, stop: batch[start:stop])
        return (yield from _explained(rows, method, wanted, top, memory))
    finally:
        memory.shrink(copies)


def regions_of(servable: Servable, images: Sequence[bytes]) -> list[Region] | None:
    """Returns the part of each encoded image that its map covers; None if that is all of it.

    Reads the headers only. Raises InvalidArgument for an image that cannot be read.
    """
    spec = servable.bundle.image
    if spec is None or spec.fit == "stretch":
        return None
    return [seen_region(*image_size(one, max_pixels=servable.max_pixels), spec) for one in images]


def explain_signature_steps(
    servable: Servable, inputs: Mapping[str, NDArray[Any]], memory: Reservation = NOT_COUNTED
) -> Steps[dict[str, NDArray[Any]]]:
    """Answers the signatures `explain` and `explain_class` in steps, with the default method.

    inputs: encoded images, [N], and of `explain_class` also `class_index`, [N]. Returns map, class_index, label (UTF-8
    bytes) and score. The errors are those of `explain_images_steps`.
    """
    for name, array in inputs.items():
        if array.ndim != 1:
            raise InvalidArgument(f'input "{name}" has shape {list(array.shape)}; give a list of {name} with shape [N]')
    indices = inputs.get(CLASS_INDEX)
    (encoded,) = (array for name, array in inputs.items() if name != CLASS_INDEX)
    classes = None if indices is None else [class_of(servable, index) for index in indices.tolist()]
    images: list[bytes] = encoded.astype(object, copy=False).tolist()
    found = yield from explain_images_steps(servable, images, classes, None, memory)
    labels = np.array([(label or "").encode() for label in found.labels], dtype=object)
    return {"map": found.maps, CLASS_INDEX: found.class_index, "label": labels, "score": found.scores}


def explain_spec_of(servable: Servable) -> ExplainSpec:
    """Returns how a version explains its answers. Raises FailedPrecondition, with what to do, if it cannot."""
    spec = servable.bundle.explain
    if spec is not None:
        return spec
    if servable.bundle.manifest is None:
        raise FailedPrecondition(
            f"{servable.id} has no explanations, because Lightship did not export it: export the Keras model with "
            "lightship export (in Python lightship.export)"
        )
    raise FailedPrecondition(
        f"{servable.id} has no explanations: export the Keras model again with this version of Lightship and without "
        "--no-explain; --explain-layer NAME (in Python explain=NAME) chooses the layer whose features the maps show"
    )


def method_of(servable: Servable, method: str | None) -> tuple[str, Signature]:
    """Returns a method's name and the signature that computes it. None is the version's default.

    Raises FailedPrecondition if the version has no explanations, and InvalidArgument for a method that it lacks.
    """
    spec = explain_spec_of(servable)
    name = spec.default if method is None else method
    if name not in spec.methods:
        near = KnownNames(spec.methods).nearest(name)
        question = "" if near is None else f"did you mean '{near}'? "
        raise InvalidArgument(
            f"{servable.id} has no method '{name[:_SHOWN]}': {question}It has {', '.join(spec.methods)}; the default "
            f"is {spec.default}"
        )
    signature = servable.signature(spec.methods[name])
    if signature is None or not _explains(signature):
        raise Internal(f"the signature {spec.methods[name]} of {servable.id} explains nothing: export the model again")
    return name, signature


def _explains(signature: Signature) -> bool:
    wanted = len(signature.inputs) == 2 and CLASS_INDEX in signature.inputs
    return wanted and signature.outputs.keys() >= set(_RESULTS)


def image_input(signature: Signature) -> TensorSpec:
    """Returns the input of a method's signature that takes the images."""
    return next(spec for name, spec in signature.inputs.items() if name != CLASS_INDEX)


def without_class(signature: Signature) -> Signature:
    """Returns the signature of a method with the input of the images alone."""
    return replace(signature, inputs={name: spec for name, spec in signature.inputs.items() if name != CLASS_INDEX})


def class_of(servable: Servable, wanted: str | int) -> int:
    """Returns the index of a class that is given by its label or its index.

    A text is looked for among the labels first; digits that are no label are an index. Raises InvalidArgument if there
    is no such class, with the nearest label.
    """
    if isinstance(wanted, str):
        labels = servable.bundle.labels or ()
        if wanted in labels:
            return labels.index(wanted)
        if not (wanted.isascii() and wanted.isdecimal() and len(wanted) < 10):
            raise _no_label(servable, wanted)
    index = int(wanted)
    _check_index(servable, index)
    return index


def class_count(servable: Servable) -> int:
    """Returns the number of classes. Raises FailedPrecondition if the version does not say it."""
    labels = servable.bundle.labels
    if labels is not None:
        return len(labels)
    signature = servable.signature(DEFAULT_SIGNATURE)
    if signature is not None and len(signature.outputs) == 1:
        (output,) = signature.outputs.values()
        if output.shape is not None and len(output.shape) == 2 and output.shape[1] > 0:
            return output.shape[1]
    raise FailedPrecondition(
        f"{servable.id} does not say how many classes it has, so none can be explained: export the model again with "
        "--classes FILE (in Python classes=...)"
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """The images of a call, and the signature that explains them."""

    servable: Servable
    signature: Signature
    images: _Images


def _explained(
    rows: _Rows, method: str, classes: NDArray[np.int32], top: int, memory: Reservation
) -> Steps[Explanations]:
    """Explains all rows, `ROWS_AT_ONCE` of them at a time."""
    parts: list[Mapping[str, NDArray[Any]]] = []
    for start in range(0, len(classes), ROWS_AT_ONCE):
        wanted = classes[start : start + ROWS_AT_ONCE]
        batch = rows.images(start, start + len(wanted))
        if top == 1:
            parts.append((yield from _run(rows, batch, wanted, memory)))
            continue
        best = yield from _best_classes(rows, batch, top)
        for places in _in_parts(len(batch) * top):
            some = best.reshape(-1)[places]
            parts.append((yield from _run(rows, batch[places // top], some, memory)))
    return _joined(rows, method, parts)


def _in_parts(count: int) -> Iterator[NDArray[np.intp]]:
    for start in range(0, count, ROWS_AT_ONCE):
        yield np.arange(start, min(count, start + ROWS_AT_ONCE))


def _run(
    rows: _Rows, batch: NDArray[Any], classes: NDArray[np.int32], memory: Reservation
) -> Steps[Mapping[str, NDArray[Any]]]:
    """Runs the signature of a method. Returns map, class_index, score and logit, all of as many rows."""
    signature = rows.signature
    spec = image_input(signature)
    inputs = {spec.name: batch.astype(spec.dtype.numpy, copy=False), CLASS_INDEX: classes}
    try:
        results = yield EngineRun(rows.servable.scheduler, EngineCall(signature.name, inputs))
    except LightshipError as error:
        raise with_shapes(error, signature, inputs) from None
    shapes = {name: results[name].shape for name in _RESULTS}
    if len(shapes["map"]) != 3 or any(shape[:1] != (len(batch),) for shape in shapes.values()):
        raise Internal(
            f"the signature {signature.name} of {rows.servable.id} returned the shapes {shapes} for {len(batch)} "
            "images: export the model again"
        )
    memory.grow(2 * memory_of(results.values()))  # as they are, and joined with the others
    return results


def _best_classes(rows: _Rows, batch: NDArray[Any], top: int) -> Steps[NDArray[np.int32]]:
    """Returns the indices of the best classes of each image, int32 [N, top], the best first."""
    scores = yield from scores_of_images(rows.servable, batch, class_count(rows.servable))
    return np.argsort(-scores, axis=1, kind="stable")[:, :top].astype(np.int32)


def _joined(rows: _Rows, method: str, parts: Sequence[Mapping[str, NDArray[Any]]]) -> Explanations:
    spec = explain_spec_of(rows.servable)
    if not parts:
        parts = [_nothing(rows.signature)]
    maps, indices, scores, logits = (np.concatenate([part[name] for part in parts]) for name in _RESULTS)
    named = _labels_of(rows.servable, indices)
    floats = (array.astype(np.float32, copy=False) for array in (maps, scores, logits))
    maps, scores, logits = floats
    return Explanations(method, spec.layer, maps, indices.astype(np.int32, copy=False), named, scores, logits)


def _labels_of(servable: Servable, indices: NDArray[Any]) -> list[str | None]:
    labels = servable.bundle.labels
    if labels is None:
        return [None] * len(indices)
    if len(indices) and not (indices.min() >= 0 and indices.max() < len(labels)):
        wrong = next(index for index in indices.tolist() if not 0 <= index < len(labels))
        raise Internal(f"{servable.id} explained class {wrong}, but has {len(labels)} labels: export the model again")
    return [labels[index] for index in indices.tolist()]


def _nothing(signature: Signature) -> dict[str, NDArray[Any]]:
    """Returns the results for no images."""
    shape = signature.outputs["map"].shape or (-1, -1, -1)
    none = np.empty(0, np.float32)
    return {
        "map": np.empty((0, *(max(0, size) for size in shape[1:])), np.float32),
        CLASS_INDEX: np.empty(0, np.int32),
        "score": none,
        "logit": none,
    }


def _checked_classes(servable: Servable, classes: Sequence[int] | None, count: int, top: int) -> NDArray[np.int32]:
    """Returns the index of a class, or `PREDICTED`, for each of `count` images."""
    if not 1 <= top <= MAX_TOP:
        raise InvalidArgument(f"top is {top}; give a number from 1 to {MAX_TOP}")
    if top > 1:
        if classes is not None:
            raise InvalidArgument(f"top is {top}, and classes are given: give one of them")
        known = class_count(servable)
        if top > known:
            raise InvalidArgument(f"top is {top}, but {servable.id} has {known} classes: give {known} at most")
    if classes is None:
        return np.full(count, PREDICTED, np.int32)
    if len(classes) != count:
        raise InvalidArgument(f"there are {len(classes)} classes for {count} images: give one for each image")
    for index in classes:
        if index != PREDICTED:
            _check_index(servable, index)
    return np.array(classes, np.int32)


def _check_index(servable: Servable, index: int) -> None:
    known = class_count(servable)
    if not 0 <= index < known:
        raise InvalidArgument(f"there is no class {index}: {servable.id} has {known} classes, from 0 to {known - 1}")


def _no_label(servable: Servable, wanted: str) -> InvalidArgument:
    labels = servable.bundle.labels
    if labels is None:
        return InvalidArgument(
            f"there is no class '{wanted[:_SHOWN]}': {servable.id} has no labels; give a number from 0 to "
            f"{class_count(servable) - 1}"
        )
    near = _known(labels).nearest(wanted)
    question = "" if near is None else f"did you mean '{near}'? "
    more = f" and {len(labels) - _LISTED} more" if len(labels) > _LISTED else ""
    listed = ", ".join(label[:_SHOWN] for label in islice(labels, _LISTED))
    return InvalidArgument(f"there is no class '{wanted[:_SHOWN]}': {question}The classes are {listed}{more}")


@lru_cache(8)
def _known(labels: tuple[str, ...]) -> KnownNames:
    """Returns the labels for a search. Making this takes long if there are many."""
    return KnownNames(labels)
