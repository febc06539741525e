"""Predict: takes tensors and returns tensors."""

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
    """Returns a signature; an empty name means `serving_default`.

    Raises InvalidArgument, with TensorFlow Serving's text, if there is none of that name.
    """
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
    """Runs a signature and returns its outputs.

    inputs: an array for each input that has no default. If this is not a dict, each array is read once, after the
        number of inputs was checked.
    outputs: the names of the outputs to return, by default all.

    The engine runs the signature, except for the image signatures of a bundle, which use its labels and image spec.
    Raises InvalidArgument for names, types and shapes that do not fit, FailedPrecondition if no engine can run the
    signature, OutOfRange for the initializer, Internal for an unknown method name if the server checks method names,
    and, with `prompt`, NotPrompt instead of doing what may take longer than an event loop can wait.
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
    """Returns TensorFlow's error: the initializer is an operation without outputs."""
    node = signature.outputs[outputs[0]].tensor.partition(":")[0] if outputs else signature.name
    return OutOfRange(f"Node '{node}' (type: 'NoOp', num of outputs: 0) does not have output 0")


def _images(signature: Signature, inputs: Arrays) -> list[bytes]:
    ((name, array),) = inputs.items()
    if array.ndim != 1:
        raise InvalidArgument(f'input "{name}" has shape {list(array.shape)}; give a list of {name} with shape [N]')
    values: list[bytes] = list(np.asarray(array, dtype=object))
    return images_of_examples(values) if signature.method_name == CLASSIFY_METHOD else values
