"""Shared by classify, regress and multi-inference: runs signatures that take serialized `tf.Example`s."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.batching import Results, Steps
from lightship.errors import InvalidArgument, ResourceExhausted
from lightship.lifecycle.servable import Servable
from lightship.memory_budget import NOT_COUNTED, Reservation
from lightship.saved_model.signatures import Signature
from lightship.services.predict import prepare_prediction
from lightship.tensors.dtypes import DataType

EXAMPLES_INPUT = "inputs"
# The context is copied in front of each example, so without a limit a short request could use any amount of memory.
MAX_CONTEXT_BYTES = 1 << 28


def with_context(context: bytes, examples: Sequence[bytes], memory: Reservation = NOT_COUNTED) -> list[bytes]:
    """Returns serialized examples, each with the features of `context` that it does not have itself.

    Concatenated protobufs are merged when they are parsed, and a later feature replaces an earlier one. The copies
    are counted in `memory`. Raises ResourceExhausted if they would take more than `MAX_CONTEXT_BYTES`.
    """
    size = len(context) * len(examples)
    if size > MAX_CONTEXT_BYTES:
        raise ResourceExhausted(
            f"the context of {len(context)} bytes is copied for each of {len(examples)} examples, which takes {size} "
            f"bytes; at most {MAX_CONTEXT_BYTES} are allowed: send fewer examples in one request"
        )
    memory.grow(size + sum(map(len, examples)))
    return [context + example for example in examples]


def examples_of(input: Any, memory: Reservation = NOT_COUNTED) -> list[bytes]:
    """Returns the serialized examples of a `tensorflow.serving.Input`, each with the features of the context.

    Returns an empty list if the input is not set. Raises the errors of `with_context`.
    """
    if input.WhichOneof("kind") == "example_list_with_context":
        listed = input.example_list_with_context
        examples = [one.SerializeToString() for one in listed.examples]
        return with_context(listed.context.SerializeToString(), examples, memory)
    return [one.SerializeToString() for one in input.example_list.examples]


def signature_for_examples(servable: Servable, name: str) -> Signature:
    """Returns a signature. Raises InvalidArgument, with TensorFlow Serving's text, if it does not exist."""
    signature = servable.signature(name)
    if signature is None:
        error = InvalidArgument(f"No signature was found with the name: {name}")
        raise error.about(servable.missing_signature(name))
    return signature


def check_method_name(servable: Servable, signature: Signature, kind: str, expected: str) -> None:
    """Raises InvalidArgument if the server checks method names and the signature's is not the expected one."""
    if servable.check_method_names and signature.method_name != expected:
        raise InvalidArgument(f"Expected {kind} signature method_name to be {expected}. Was: {signature.method_name}")


def check_one_input(signature: Signature) -> None:
    if len(signature.inputs) != 1:
        raise InvalidArgument("Expected one input Tensor.")


def check_input_name(signature: Signature, kind: str) -> None:
    if EXAMPLES_INPUT not in signature.inputs:
        raise InvalidArgument(f"No {kind} inputs found in SignatureDef: {debug_text(signature)}")


def run_examples(
    servable: Servable,
    signature: Signature,
    examples: Sequence[bytes],
    outputs: Sequence[str],
    memory: Reservation = NOT_COUNTED,
) -> Steps[Results]:
    """Returns the named outputs for serialized examples. Raises InvalidArgument if there are no examples."""
    if not examples:
        raise InvalidArgument("Input is empty.")
    tensor = np.empty(len(examples), object)
    tensor[:] = examples
    prediction = prepare_prediction(servable, signature, {EXAMPLES_INPUT: tensor}, outputs, memory)
    return (yield from prediction.part_steps())


def debug_text(signature: Signature) -> str:
    """Returns the signature in protobuf's text format."""
    return str(signature.definition).rstrip()


def tensorflow_shape(array: NDArray[Any]) -> str:
    return f"[{','.join(map(str, array.shape))}]"


def type_name(array: NDArray[Any]) -> str:
    """Returns TensorFlow's name of the array's type, such as DT_FLOAT."""
    return DataType.of(array.dtype).name
