"""Checks that predict makes before it runs a signature, in TensorFlow Serving's order and with its texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from lightship.engines.base import input_size_error, unexpected_shapes
from lightship.errors import Code, Internal, InvalidArgument, LightshipError, MissingName, WrongShapes, error_of
from lightship.saved_model.signatures import CLASSIFY_METHOD, PREDICT_METHOD, REGRESS_METHOD, Signature
from lightship.tensors.tensor_proto import input_array

_METHODS = (PREDICT_METHOD, CLASSIFY_METHOD, REGRESS_METHOD)
# The codes with which an operation refuses shapes: grouped convolutions, for example, are UNIMPLEMENTED. Errors about
# memory, time and the state of the server have others.
_REFUSALS = {Code.INVALID_ARGUMENT, Code.UNIMPLEMENTED, Code.OUT_OF_RANGE, Code.INTERNAL, Code.UNKNOWN}

Arrays = Mapping[str, NDArray[Any]]


def check_predict_method(signature: Signature) -> None:
    """Raises Internal if the signature's method name is not one of the standard ones."""
    if signature.method_name not in _METHODS:
        raise Internal(
            f"Expected prediction signature method_name to be one of {{{', '.join(_METHODS)}}}. "
            f"Was: {signature.method_name}"
        )


def with_defaults(signature: Signature, inputs: Arrays) -> Arrays:
    """Returns an array for each of the signature's inputs, using the signature's defaults for those that are missing.

    Raises InvalidArgument for a missing input without a default, and for an input that the signature does not have.
    """
    defaults = signature.definition.defaults
    if len(inputs) > len(signature.inputs) or (len(inputs) < len(signature.inputs) and not defaults):
        raise input_size_error(signature, inputs)
    completed, given = {}, 0
    for name in signature.inputs:
        if name in inputs:
            completed[name], given = inputs[name], given + 1
        else:
            completed[name] = _default(signature, name, inputs)
    if given != len(inputs):
        used = _listed(name for name in inputs if name in completed)
        error = InvalidArgument(
            f"Inputs contains invalid name. Used request inputs: {used}, request input: {_listed(inputs)}"
        )
        raise error.about(_wrong_name(signature, inputs))
    return completed


def _default(signature: Signature, name: str, inputs: Arrays) -> NDArray[Any]:
    defaults = signature.definition.defaults
    if name not in defaults:
        error = InvalidArgument(
            f"Signature input alias: {name}(feed name: {signature.inputs[name].tensor}) not found in request and no "
            f"default value provided. Inputs expected to be in the request {{{_listed(inputs)}}}, or default input "
            f"alias set: {_listed(defaults)}"
        )
        raise error.about(_wrong_name(signature, inputs))
    return input_array(name, defaults[name])


def _wrong_name(signature: Signature, inputs: Arrays) -> MissingName:
    wrong = next((name for name in inputs if name not in signature.inputs), "")
    return MissingName("input", wrong, tuple(signature.inputs))


def _listed(names: Iterable[str]) -> str:
    return ",".join(sorted(names))


def with_shapes(error: LightshipError, signature: Signature, inputs: Arrays) -> LightshipError:
    """Returns an engine's error, and notes which inputs have other shapes than declared unless its text says so."""
    if error.code not in _REFUSALS or error.fault is not None:
        return error
    text = unexpected_shapes(signature, inputs)
    if not text or text in error.message:
        return error
    return error_of(error.code, error.message).about(WrongShapes(text))
