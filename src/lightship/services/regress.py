"""Regress: takes serialized `tf.Example`s and returns one number for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightship.batching import Steps, complete
from lightship.errors import InvalidArgument
from lightship.lifecycle.servable import Servable
from lightship.memory_budget import NOT_COUNTED, Reservation
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, REGRESS_METHOD, Signature
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

OUTPUTS = "outputs"


@dataclass(frozen=True, slots=True)
class Regressions:
    """One number for each example."""

    # The name of the signature that ran.
    signature: str
    # float32 [examples].
    values: NDArray[np.float32]


def regress(
    servable: Servable, signature_name: str, examples: Sequence[bytes], memory: Reservation = NOT_COUNTED
) -> Regressions:
    """Runs a signature on serialized examples. An empty name means `serving_default`.

    Raises InvalidArgument, with TensorFlow Serving's messages and in its order, if the signature is unknown or is not a
    regression, if there are no examples, or if the output is not one number for each; FailedPrecondition if no engine
    can run the signature.
    """
    return complete(regress_steps(servable, signature_name, examples, memory))


def regress_steps(
    servable: Servable, signature_name: str, examples: Sequence[bytes], memory: Reservation = NOT_COUNTED
) -> Steps[Regressions]:
    """Does what `regress` does, in steps."""
    return timed(servable, "Regress", _steps(servable, signature_name, examples, memory))


def _steps(
    servable: Servable, signature_name: str, examples: Sequence[bytes], memory: Reservation
) -> Steps[Regressions]:
    signature = signature_for_examples(servable, signature_name or DEFAULT_SIGNATURE)
    check_regression(servable, signature)
    return (yield from run_regression(servable, signature, examples, memory))


def check_regression(servable: Servable, signature: Signature) -> None:
    """Raises InvalidArgument if a signature does not have the input and output of a regression."""
    check_method_name(servable, signature, "regression", REGRESS_METHOD)
    check_one_input(signature)
    if len(signature.outputs) != 1:
        raise InvalidArgument("Expected one output Tensor.")
    check_input_name(signature, "regression")
    if OUTPUTS not in signature.outputs:
        raise InvalidArgument(f"No regression outputs found in SignatureDef: {debug_text(signature)}")


def run_regression(
    servable: Servable, signature: Signature, examples: Sequence[bytes], memory: Reservation = NOT_COUNTED
) -> Steps[Regressions]:
    """Runs a regress signature that `check_regression` has accepted.

    Raises InvalidArgument if there are no examples, or if the output has the wrong shape, dtype or number of rows.
    """
    outputs = yield from run_examples(servable, signature, examples, [OUTPUTS], memory)
    values, count = outputs[OUTPUTS], len(examples)
    if values.ndim not in (1, 2) or values.shape[1:] not in ((), (1,)):
        shape = f"[batch_size] or [batch_size, 1] but got {tensorflow_shape(values)}"
        raise InvalidArgument(f"Expected output Tensor shape to be either {shape}")
    if len(values) != count:
        raise InvalidArgument(f"Input batch size did not match output batch size: {count} vs. {len(values)}")
    if values.dtype != np.float32:
        raise InvalidArgument(f"Expected output Tensor of DT_FLOAT.  Got: {type_name(values)}")
    return Regressions(signature.name, values.reshape(count))
