"""Reads the body of `:classify` and `:regress`: `examples`, and `context`, which holds features that all share."""

from __future__ import annotations

from dataclasses import dataclass

from lightship.errors import InvalidArgument
from lightship.memory_budget import NOT_COUNTED, Reservation
from lightship.services.example_inputs import with_context
from lightship.transports.rest.endpoints.features import serialized_example
from lightship.transports.rest.endpoints.predict_request import document_of, signature_name_of
from lightship.transports.rest.reading.dismantle import dismantle
from lightship.transports.rest.reading.numbers import NumberArray
from lightship.transports.rest.reading.values import JsonValue
from lightship.transports.rest.writing.dump import dump


@dataclass(frozen=True, slots=True)
class ExampleRequest:
    """The body of a request to `:classify` or `:regress`."""

    # The name of the signature, or "" if none is given.
    signature_name: str
    # Serialized `tensorflow.Example`s, each with the features of the context.
    examples: list[bytes]

    @classmethod
    def parse(cls, body: bytes, memory: Reservation = NOT_COUNTED) -> ExampleRequest:
        """Parses a body. It checks the JSON, the signature's name, the context and the examples, in this order.

        The copies of the context are counted in `memory`. Raises InvalidArgument with TensorFlow Serving's messages.
        """
        document = document_of(body)
        name = signature_name_of(document, body)
        try:
            if "context" not in document:
                return cls(name, _examples(document))
            context = serialized_example(document["context"])
            return cls(name, with_context(context, _examples(document), memory))
        finally:
            dismantle(document, body)


def _examples(document: dict[str, JsonValue]) -> list[bytes]:
    if "examples" not in document:
        problem = "When method is classify, key 'examples' is expected and was not found"
        raise InvalidArgument(f"JSON Value: {dump(document)} {problem}")
    examples = document["examples"]
    if isinstance(examples, NumberArray):
        first: JsonValue = [] if len(examples.shape) > 1 else 0
        return [serialized_example(first)]
    if not isinstance(examples, list):
        raise InvalidArgument(f"JSON Value: {dump(document)} Expecting 'examples' value to be an list/array")
    if not examples:
        raise InvalidArgument(f"JSON Value: {dump(document)} 'examples' value is an empty array")
    return [serialized_example(example) for example in examples]
