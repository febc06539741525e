"""What classify, regress and multi-inference share: signatures that take serialized `tf.Example`s."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.errors import InvalidArgument, ResourceExhausted
from lightship.lifecycle.servable import Servable
from lightship.saved_model.signatures import Signature
from lightship.services.predict import predict
from lightship.tensors.dtypes import DataType

EXAMPLES_INPUT = "inputs"
# A short request could otherwise ask for any amount of memory: its context stands in front of each of its examples.
MAX_CONTEXT_BYTES = 1 << 28


def with_context(context: bytes, examples: Sequence[bytes]) -> list[bytes]:
    """Serialized examples, each with the features of `context` that it does not have itself.

    A protobuf that stands behind another is merged into it, and a feature is replaced whole. Raises ResourceExhausted
    where that would take more than `MAX_CONTEXT_BYTES`.
    """
    size = len(context) * len(examples)
    if size > MAX_CONTEXT_BYTES:
        raise ResourceExhausted(
            f"the context of {len(context)} bytes stands in front of each of {len(examples)} examples, which takes "
            f"{size} bytes; {MAX_CONTEXT_BYTES} are allowed: send fewer examples at once"
        )
    return [context + example for example in examples]


def examples_of(input: Any) -> list[bytes]:
    """The serialized examples of a `tensorflow.serving.Input`, each with the features of their context; none where it
    has no kind. Raises what `with_context` raises."""
    if input.WhichOneof("kind") == "example_list_with_context":
        listed = input.example_list_with_context
        return with_context(listed.context.SerializeToString(), [one.SerializeToString() for one in listed.examples])
    return [one.SerializeToString() for one in input.example_list.examples]


def signature_for_examples(servable: Servable, name: str) -> Signature:
    """Raises InvalidArgument with TensorFlow Serving's text where there is no signature of that name."""
    signature = servable.signature(name)
    if signature is None:
        raise InvalidArgument(f"No signature was found with the name: {name}")
    return signature


def check_method_name(servable: Servable, signature: Signature, kind: str, expected: str) -> None:
    """Raises InvalidArgument if method names are checked and the signature's is not the expected one."""
    if servable.check_method_names and signature.method_name != expected:
        raise InvalidArgument(f"Expected {kind} signature method_name to be {expected}. Was: {signature.method_name}")


def check_one_input(signature: Signature) -> None:
    if len(signature.inputs) != 1:
        raise InvalidArgument("Expected one input Tensor.")


def check_input_name(signature: Signature, kind: str) -> None:
    if EXAMPLES_INPUT not in signature.inputs:
        raise InvalidArgument(f"No {kind} inputs found in SignatureDef: {debug_text(signature)}")


def run_examples(
    servable: Servable, signature: Signature, examples: Sequence[bytes], outputs: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """The outputs of these names for serialized examples. Raises InvalidArgument where there is no example."""
    if not examples:
        raise InvalidArgument("Input is empty.")
    tensor = np.empty(len(examples), object)
    tensor[:] = examples
    return predict(servable, signature, {EXAMPLES_INPUT: tensor}, outputs)


def debug_text(signature: Signature) -> str:
    """The signature in protobuf's text format."""
    return str(signature.definition).rstrip()


def tensorflow_shape(array: NDArray[Any]) -> str:
    return f"[{','.join(map(str, array.shape))}]"


def type_name(array: NDArray[Any]) -> str:
    """TensorFlow's name of the elements' type, such as DT_FLOAT."""
    return DataType.of(array.dtype).name
