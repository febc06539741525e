"""Reads the body of `:predict`: `instances` (row format) or `inputs` (columnar format)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from lightship.errors import InvalidArgument, MissingName
from lightship.saved_model.signatures import TensorSpec
from lightship.transports.rest.reading.dismantle import dismantle
from lightship.transports.rest.reading.document import parse
from lightship.transports.rest.reading.leaves import is_base64
from lightship.transports.rest.reading.numbers import NumberArray
from lightship.transports.rest.reading.rows import tensors_of_rows
from lightship.transports.rest.reading.small_document import read_small, small_tensors
from lightship.transports.rest.reading.tensor_values import tensor_of
from lightship.transports.rest.reading.values import JsonValue
from lightship.transports.rest.writing.dump import dump

Tensors = dict[str, np.ndarray[Any, Any]]


class PredictRequest(NamedTuple):
    document: dict[str, JsonValue]
    signature_name: str  # "" if none is given
    only_numbers: bool = False  # whether `small_tensors` may read the tensors

    @classmethod
    def parse(cls, body: bytes) -> PredictRequest:
        """Parses the JSON and the signature's name. Tensors are read later, when the signature is known.

        Raises InvalidArgument if the body is not a JSON object or its signature_name is not a string.
        """
        document, only_numbers = read_small(body)
        if document is None:
            document = document_of(body)
        return cls(document, signature_name_of(document, body), only_numbers)

    @property
    def rows(self) -> bool:
        """Whether the response must be in row format, with `predictions` instead of `outputs`."""
        return "instances" in self.document

    def tensors(self, inputs: Mapping[str, TensorSpec]) -> Tensors:
        """Returns the signature's inputs by name.

        Raises InvalidArgument or Unimplemented with TensorFlow Serving's messages.
        """
        if self.only_numbers and (tensors := small_tensors(self.document, inputs)) is not None:
            return tensors
        if "instances" in self.document and "inputs" in self.document:
            problem = "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
            raise InvalidArgument(f"JSON Value: {dump(self.document)} {problem}")
        if "instances" in self.document:
            return tensors_of_rows(self._instances(), inputs)
        if "inputs" in self.document:
            return _tensors_of_columns(self.document["inputs"], inputs)
        raise InvalidArgument("Missing 'inputs' or 'instances' key")

    def _instances(self) -> list[JsonValue] | NumberArray:
        instances = self.document["instances"]
        if isinstance(instances, NumberArray):
            return instances
        if not isinstance(instances, list):
            raise InvalidArgument(f"JSON Value: {dump(self.document)} Expecting 'instances' to be an list/array")
        if not instances:
            raise InvalidArgument(f"JSON Value: {dump(self.document)} No values in 'instances' array")
        return instances


def document_of(body: bytes) -> dict[str, JsonValue]:
    """Parses a body that is a JSON object. Raises InvalidArgument for any other body."""
    document = parse(body)
    if not isinstance(document, dict):
        text = f"JSON Value: {dump(document)} Is not object"
        dismantle(document, body)
        raise InvalidArgument(text)
    return document


def signature_name_of(document: dict[str, JsonValue], body: bytes) -> str:
    """Returns the signature's name in a document that was read from `body`, or "" if none is given.

    Raises InvalidArgument if it is not a string.
    """
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        problem = "not formatted correctly. 'signature_name' key must be a string value."
        text = f"JSON Value: {dump(document)} {problem}"
        dismantle(document, body)
        raise InvalidArgument(text)
    return name


def _tensors_of_columns(value: JsonValue, inputs: Mapping[str, TensorSpec]) -> Tensors:
    if isinstance(value, dict) and not is_base64(value):
        return {name: tensor_of(_column(value, name, inputs), spec.dtype) for name, spec in inputs.items()}
    if len(inputs) > 1:
        problem = "but expecting an object as multiple input tensors required as per tensorinfo_map"
        raise InvalidArgument(f"inputs is a plain value/list, {problem}")
    return {name: tensor_of(value, spec.dtype) for name, spec in inputs.items()}


def _column(columns: dict[str, JsonValue], name: str, inputs: Mapping[str, TensorSpec]) -> JsonValue:
    if name not in columns:
        error = InvalidArgument(f"Missing named input: {name} in 'inputs' object.")
        wrong = next((other for other in columns if other not in inputs), "")
        raise error.about(MissingName("input", wrong, tuple(inputs)))
    return columns[name]
