"""Predict: tensors in, tensors out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import NotPrompt, check_inputs, check_outputs
from lightship.errors import InvalidArgument, OutOfRange
from lightship.lifecycle.servable import Servable
from lightship.saved_model.signatures import CLASSIFY_METHOD, DEFAULT_SIGNATURE, INIT_SIGNATURE, Signature
from lightship.services.examples import images_of_examples
from lightship.services.images import rank_images
from lightship.services.predict_checks import check_predict_method, with_defaults
from lightship.tensors.dtypes import DataType

Arrays = Mapping[str, NDArray[Any]]

__all__ = ["NotPrompt", "check_signature", "predict"]


def check_signature(servable: Servable, signature_name: str) -> Signature:
    """The signature of that name, `serving_default` for "". Raises InvalidArgument with TensorFlow Serving's text."""
    name = signature_name or DEFAULT_SIGNATURE
    signature = servable.signature(name)
    if signature is None:
        raise InvalidArgument(f'Serving signature name: "{name}" not found in signature def')
    return signature


def predict(
    servable: Servable,
    signature: Signature,
    inputs: Arrays,
    outputs: Sequence[str] | None = None,
    *,
    prompt: bool = False,
) -> dict[str, NDArray[Any]]:
    """Runs a signature on one array for each of its inputs that has no default; all its outputs by default.

    inputs: where it is not a dict, each array is asked for once, after their names were counted.

    The image signatures of the bundle are answered from its labels and image spec, all others by the engine. Raises
    InvalidArgument for names, types and shapes that do not fit, FailedPrecondition where no engine runs the signature,
    OutOfRange for the initializer, Internal for a method's name that is none where they are checked, and, with
    `prompt`, NotPrompt instead of doing what may take longer than an event loop can wait.
    """
    if servable.check_method_names:
        check_predict_method(signature)
    if type(inputs) is not dict or inputs.keys() != signature.inputs.keys():
        inputs = with_defaults(signature, inputs)
    if signature.name == INIT_SIGNATURE:
        raise _initializer_error(check_outputs(signature, outputs), signature)
    if signature.name not in servable.bundle.image_signatures:
        return servable.engine.run(signature.name, inputs, outputs, prompt=prompt)
    if prompt:
        raise NotPrompt
    wanted = check_outputs(signature, outputs)
    check_inputs(signature, inputs)
    labels, scores = rank_images(servable, _images(signature, inputs))
    return {name: labels if signature.outputs[name].dtype is DataType.DT_STRING else scores for name in wanted}


def _initializer_error(outputs: Sequence[str], signature: Signature) -> OutOfRange:
    """In TensorFlow's words. It ran when the model was loaded, and an operation that only runs has no output."""
    node = signature.outputs[outputs[0]].tensor.partition(":")[0] if outputs else signature.name
    return OutOfRange(f"Node '{node}' (type: 'NoOp', num of outputs: 0) does not have output 0")


def _images(signature: Signature, inputs: Arrays) -> list[bytes]:
    ((name, array),) = inputs.items()
    if array.ndim != 1:
        raise InvalidArgument(f'input "{name}" has shape {list(array.shape)}; give a list of {name}, of shape [N]')
    values: list[bytes] = list(np.asarray(array, dtype=object))
    return images_of_examples(values) if signature.method_name == CLASSIFY_METHOD else values
