"""Classify: takes serialized `tf.Example`s and returns labels and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.batching import Steps, complete
from lightship.bundle.image_signatures import CLASSIFY_SIGNATURE
from lightship.errors import InvalidArgument
from lightship.lifecycle.servable import Servable
from lightship.memory_budget import NOT_COUNTED, Reservation
from lightship.saved_model.signatures import CLASSIFY_METHOD, DEFAULT_SIGNATURE, Signature
from lightship.services.example_inputs import (
    check_input_name,
    check_method_name,
    check_one_input,
    debug_text,
    run_examples,
    signature_for_examples,
    tensorflow_shape,
    type_name,
)
from lightship.services.timed_steps import timed
from lightship.tensors.dtypes import DataType

CLASSES, SCORES = "classes", "scores"


@dataclass(frozen=True, slots=True)
class Classifications:
    """The classes of each example, in the order of the model's outputs."""

    # The name of the signature that ran.
    signature: str
    # Bytes in an object array [examples, classes]; None if the signature has no such output.
    classes: NDArray[np.object_] | None
    # float32 [examples, classes]; None if the signature has no such output.
    scores: NDArray[np.float32] | None


def classify(
    servable: Servable, signature_name: str, examples: Sequence[bytes], memory: Reservation = NOT_COUNTED
) -> Classifications:
    """Runs a signature on serialized examples. An empty name means the default of `default_classification`.

    Raises InvalidArgument, with TensorFlow Serving's messages and in its order, if the signature is unknown or is not a
    classification, if there are no examples, or if the outputs are not those of a classification; FailedPrecondition
    if no engine can run the signature.
    """
    return complete(classify_steps(servable, signature_name, examples, memory))


def classify_steps(
    servable: Servable, signature_name: str, examples: Sequence[bytes], memory: Reservation = NOT_COUNTED
) -> Steps[Classifications]:
    """Does what `classify` does, in steps."""
    return timed(servable, "Classify", _steps(servable, signature_name, examples, memory))


def _steps(
    servable: Servable, signature_name: str, examples: Sequence[bytes], memory: Reservation
) -> Steps[Classifications]:
    signature = signature_for_examples(servable, signature_name or default_classification(servable))
    check_classification(servable, signature)
    return (yield from run_classification(servable, signature, examples, memory))


def default_classification(servable: Servable) -> str:
    """Returns the signature that is used if a request names none: an image model's own, or `serving_default`."""
    return CLASSIFY_SIGNATURE if CLASSIFY_SIGNATURE in servable.bundle.image_signatures else DEFAULT_SIGNATURE


def check_classification(servable: Servable, signature: Signature) -> None:
    """Raises InvalidArgument if a signature does not have the input and outputs of a classification."""
    check_method_name(servable, signature, "classification", CLASSIFY_METHOD)
    check_one_input(signature)
    if len(signature.outputs) not in (1, 2):
        raise InvalidArgument(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    check_input_name(signature, "classification")
    if not _wanted(signature):
        raise InvalidArgument(
            f'Expected classification signature outputs to contain at least one of "{CLASSES}" or "{SCORES}". '
            f"Signature was: {debug_text(signature)}"
        )


def run_classification(
    servable: Servable, signature: Signature, examples: Sequence[bytes], memory: Reservation = NOT_COUNTED
) -> Steps[Classifications]:
    """Runs a classify signature that `check_classification` has accepted.

    Raises InvalidArgument if there are no examples, or if the outputs have the wrong shape, dtype or number of rows.
    """
    outputs = yield from run_examples(servable, signature, examples, _wanted(signature), memory)
    count = len(examples)
    classes, scores = outputs.get(CLASSES), outputs.get(SCORES)
    for name, array, dtype in ((CLASSES, classes, DataType.DT_STRING), (SCORES, scores, DataType.DT_FLOAT)):
        if array is not None:
            _check_output(name, array, dtype, count)
    if classes is not None and scores is not None and classes.shape[1] != scores.shape[1]:
        raise InvalidArgument(
            f"Tensors class and score should match in dim_size(1). Got {classes.shape[1]} vs. {scores.shape[1]}"
        )
    return Classifications(signature.name, classes, scores)


def _wanted(signature: Signature) -> list[str]:
    return [name for name in (CLASSES, SCORES) if name in signature.outputs]


def _check_output(name: str, array: NDArray[Any], dtype: DataType, count: int) -> None:
    if array.ndim != 2:
        raise InvalidArgument(f"Expected Tensor shape: [batch_size num_classes] but got {tensorflow_shape(array)}")
    if type_name(array) != dtype.name:
        raise InvalidArgument(f"Expected {name} Tensor of {dtype.name}. Got: {type_name(array)}")
    if len(array) != count:
        raise InvalidArgument(f"Expected {name} output batch size of {count}. Got: {len(array)}")
