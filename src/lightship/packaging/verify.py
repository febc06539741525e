"""Compares an exported model, on TensorFlow and on the serving engine, with the trained model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.bundle.explain_spec import CAM, CLASS_INDEX, PREDICTED
from lightship.bundle.golden import Golden
from lightship.bundle.image_signatures import CLASSIFY_SIGNATURE, IMAGE_BYTES_SIGNATURE, example_of_image
from lightship.engines import Engine, EngineOptions, load_engine
from lightship.engines.base import SignatureReport
from lightship.engines.tensorflow import TensorFlowModel
from lightship.errors import FailedPrecondition, Internal
from lightship.packaging.explain_signatures import Explanations
from lightship.packaging.library_errors import reason_of, reraise_as
from lightship.packaging.signatures import ImageSignatures
from lightship.packaging.written_graph import random_operation
from lightship.saved_model.reader import read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

Arrays = Mapping[str, NDArray[Any]]
# Runs a signature, which is named first.
Run = Callable[[str, Arrays], Arrays]

# How much the mean of an exact map may differ from the logit. Half-precision models differ by up to a percent.
_SUM_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class SampleImages:
    """Encoded images and the trained model's scores for them."""

    encoded: Sequence[bytes]
    # [N, K], in the order of the labels.
    scores: NDArray[Any]


def explained(golden: Golden, explanations: Explanations) -> Golden:
    """Returns the golden sample with its explanations by each method, from the trained model.

    Raises Internal if the exact map of a class does not add up to its logit.
    """
    ((_, images),) = golden.inputs.items()
    predicted = np.full(len(images), PREDICTED, np.int32)
    with reraise_as(Internal, "the explanation of the golden sample fails, so the incomplete export was removed: {}"):
        outputs = {method: explanations.run(method, images, predicted) for method in explanations.spec.methods}
    if CAM in outputs:
        _check_sum(outputs[CAM], explanations.bias())
    return replace(golden, explained={explanations.spec.methods[method]: one for method, one in outputs.items()})


def check_on_tensorflow(
    folder: Path,
    golden: Golden | None,
    image: ImageSignatures | None,
    pictures: SampleImages | None,
) -> None:
    """Loads the SavedModel and compares all its signatures with the trained model.

    Raises Internal if they differ, and FailedPrecondition if the model's answers are drawn at random.
    """
    with _on_tensorflow(folder) as run:
        if golden is not None:
            default = partial(run, DEFAULT_SIGNATURE, golden.inputs)
            outputs = default()
            _require_repeatable(folder, outputs, default)
            _require(golden.compare(outputs), DEFAULT_SIGNATURE, "TensorFlow")
            for name in golden.explained:
                wanted = golden.explanation(name)
                assert wanted is not None
                _require(wanted.compare(run(name, wanted.inputs)), name, "TensorFlow")
        if image is not None and pictures is not None:
            _check_image_signatures(run, image, pictures)


@contextmanager
def _on_tensorflow(folder: Path) -> Iterator[Run]:
    """Loads the SavedModel into a session, as servers do: `tf.saved_model.load` takes several times as long.

    Raises Internal if it cannot be loaded, and when a run fails.
    """
    saved_model = read_saved_model(folder)
    with _failing():
        loaded = TensorFlowModel(folder, saved_model, EngineOptions(), optimised=False)

    def run(name: str, inputs: Arrays) -> Arrays:
        signature = saved_model.signatures[name]
        with _failing(), closing(loaded.program(signature)) as program:
            return program.run(inputs, tuple(signature.outputs))

    with closing(loaded):
        yield run


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise Internal(
            f"the exported model fails on TensorFlow, so the incomplete export was removed: {reason_of(error)}"
        ) from error


def _require_repeatable(folder: Path, outputs: Arrays, again: Callable[[], Arrays]) -> None:
    """Raises FailedPrecondition if the graph draws random numbers, and the same inputs have other outputs now.

    Even a small difference counts: the golden sample's inputs may be such that the random numbers change little.
    """
    operation = random_operation(folder)
    if not operation:
        return
    second = again()
    if any(not np.array_equal(output, second[name]) for name, output in outputs.items()):
        raise FailedPrecondition(
            f"the graph has {operation}, which draws random numbers, so it gives another answer at each call, and the "
            "incomplete export was removed. Layers such as RandomFlip do so where the model is not called with "
            "training=False: save it with a signature that does, or export the Keras model itself"
        )


def check_on_engine(folder: Path, golden: Golden | None, explanation: str | None) -> SignatureReport:
    """Loads the SavedModel as a server does and says how the engine runs its default signature, or else its first one.

    With a golden sample, also compares the engine's answers with those of the sample, and its explanations by the
    signature `explanation`, and raises Internal if they differ. Raises the errors of the engine if it cannot run the
    model.
    """
    engine = load_engine(folder, read_saved_model(folder))
    try:
        if golden is None:
            return _report_of(engine)
        _require(golden.compare(engine.run(DEFAULT_SIGNATURE, golden.inputs)), DEFAULT_SIGNATURE, engine.name)
        wanted = golden.explanation(explanation) if explanation else None
        if explanation and wanted is not None:
            answer = engine.run(explanation, wanted.inputs)
            _require(wanted.compare(answer), explanation, engine.engine_of(explanation))
        return _report_of(engine)
    finally:
        engine.close()


def _report_of(engine: Engine) -> SignatureReport:
    loaded = {one.signature: one for one in engine.reports() if one.engine}
    first = next(iter(loaded.values()), SignatureReport("", engine.name, ""))
    return loaded.get(DEFAULT_SIGNATURE, first)


def _check_image_signatures(run: Run, image: ImageSignatures, pictures: SampleImages) -> None:
    wanted = Golden({}, {"scores": pictures.scores})
    examples = [example_of_image(one) for one in pictures.encoded]
    for name, inputs, labels_key in (
        (IMAGE_BYTES_SIGNATURE, {IMAGE_BYTES_SIGNATURE: np.array(pictures.encoded, object)}, "labels"),
        (CLASSIFY_SIGNATURE, {"inputs": np.array(examples, object)}, "classes"),
    ):
        outputs = run(name, inputs)
        scores = outputs["scores"]
        if (np.diff(scores) > 0).any():
            raise Internal(f"the signature {name} does not return the best label first: {scores[0][:5]}")
        _require(wanted.compare({"scores": _unranked(outputs[labels_key], scores, image.labels)}), name, "TensorFlow")


def _check_sum(outputs: Mapping[str, NDArray[Any]], bias: NDArray[Any] | None) -> None:
    """Raises Internal unless the mean of each map and the bias of its class are its logit, if that is a number."""
    maps, logits = outputs["map"].astype(np.float64), outputs["logit"].astype(np.float64)
    sums = maps.mean(axis=(1, 2)) + (0 if bias is None else bias[outputs[CLASS_INDEX]])
    scale = np.maximum(np.abs(logits), np.abs(maps).mean(axis=(1, 2)))
    with np.errstate(invalid="ignore"):
        equal = (np.abs(sums - logits) <= _SUM_TOLERANCE * scale + _SUM_TOLERANCE) | ~np.isfinite(logits)
    if not equal.all():
        raise Internal(
            f"the class activation maps do not add up to the logits {logits}, but to {sums}, so the incomplete "
            "export was removed"
        )


def _unranked(labels: NDArray[Any], scores: NDArray[Any], order: Sequence[str]) -> NDArray[Any]:
    """Returns the scores in the order of the labels."""
    rows = [dict(zip(row, values, strict=True)) for row, values in zip(labels, scores, strict=True)]
    return np.array([[row.get(label.encode(), np.nan) for label in order] for row in rows], np.float32)


def _require(difference: str | None, signature: str, engine: str) -> None:
    if difference:
        raise Internal(
            "the exported model does not give the trained model's answers, so the incomplete export was removed: "
            f"signature {signature} on {engine}: {difference}"
        )
