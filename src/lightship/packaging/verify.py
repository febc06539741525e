"""Compares an exported model, on TensorFlow and on the serving engine, with the trained model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lightship.bundle.golden import Golden
from lightship.bundle.image_signatures import CLASSIFY_SIGNATURE, IMAGE_BYTES_SIGNATURE, example_of_image
from lightship.engines import load_engine
from lightship.errors import Internal
from lightship.packaging.library_errors import reraise_as
from lightship.packaging.quiet import quiet
from lightship.packaging.signatures import ImageSignatures
from lightship.saved_model.reader import read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE


@dataclass(frozen=True, slots=True)
class SampleImages:
    """Encoded images and the trained model's scores for them."""

    encoded: Sequence[bytes]
    # [N, K], in the order of the labels.
    scores: NDArray[Any]


def check_on_tensorflow(
    folder: Path, golden: Golden | None, image: ImageSignatures | None, pictures: SampleImages | None
) -> None:
    """Loads the SavedModel and compares all its signatures with the trained model. Raises Internal if they differ."""
    with reraise_as(Internal, "the exported model fails on TensorFlow, so the incomplete export was removed: {}"):
        with quiet():
            loaded = tf.saved_model.load(str(folder))
        if golden is not None:
            outputs = _call(loaded, DEFAULT_SIGNATURE, {name: tf.constant(x) for name, x in golden.inputs.items()})
            _require(golden.compare(outputs), DEFAULT_SIGNATURE, "TensorFlow")
        if image is not None and pictures is not None:
            _check_image_signatures(loaded, image, pictures)


def check_on_engine(folder: Path, golden: Golden | None) -> str:
    """Loads the SavedModel as a server does and returns the engine's name.

    With a golden sample, also compares the engine's answers with those of the sample, and raises Internal if they
    differ. Raises the errors of the engine if it cannot run the model.
    """
    engine = load_engine(folder, read_saved_model(folder))
    try:
        if golden is None:
            return engine.name
        _require(golden.compare(engine.run(DEFAULT_SIGNATURE, golden.inputs)), DEFAULT_SIGNATURE, engine.name)
        return engine.engine_of(DEFAULT_SIGNATURE)
    finally:
        engine.close()


def _check_image_signatures(loaded: Any, image: ImageSignatures, pictures: SampleImages) -> None:
    wanted = Golden({}, {"scores": pictures.scores})
    examples = [example_of_image(one) for one in pictures.encoded]
    for name, inputs, labels_key in (
        (IMAGE_BYTES_SIGNATURE, {IMAGE_BYTES_SIGNATURE: tf.constant(list(pictures.encoded))}, "labels"),
        (CLASSIFY_SIGNATURE, {"inputs": tf.constant(examples)}, "classes"),
    ):
        outputs = _call(loaded, name, inputs)
        scores = outputs["scores"]
        if (np.diff(scores) > 0).any():
            raise Internal(f"the signature {name} does not return the best label first: {scores[0][:5]}")
        _require(wanted.compare({"scores": _unranked(outputs[labels_key], scores, image.labels)}), name, "TensorFlow")


def _unranked(labels: NDArray[Any], scores: NDArray[Any], order: Sequence[str]) -> NDArray[Any]:
    """Returns the scores in the order of the labels."""
    rows = [dict(zip(row, values, strict=True)) for row, values in zip(labels, scores, strict=True)]
    return np.array([[row.get(label.encode(), np.nan) for label in order] for row in rows], np.float32)


def _call(loaded: Any, signature: str, inputs: dict[str, Any]) -> dict[str, NDArray[Any]]:
    return {name: np.asarray(value.numpy()) for name, value in loaded.signatures[signature](**inputs).items()}


def _require(difference: str | None, signature: str, engine: str) -> None:
    if difference:
        raise Internal(
            "the exported model does not give the trained model's answers, so the incomplete export was removed: "
            f"signature {signature} on {engine}: {difference}"
        )
