"""Examples as `tensorflow.Example` messages for Classify and Regress, and their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightship.client.inputs import Example, array_of
from lightship.client.results import ScoredLabel
from lightship.errors import InvalidArgument

_LISTS = {"b": "int64_list", "i": "int64_list", "u": "int64_list", "f": "float_list", "O": "bytes_list"}


def write(message: Any, examples: Sequence[Example], context: Example | None) -> None:
    """Fills a `tensorflow.serving.Input`. Raises InvalidArgument for values that no feature can hold."""
    if isinstance(examples, Mapping):
        raise InvalidArgument("examples is one mapping of features; give a list of them, [{...}]")
    form = message.example_list if context is None else message.example_list_with_context
    form.SetInParent()
    if context is not None:
        _write(form.context, context, "context")
    for index, example in enumerate(examples):
        _write(form.examples.add(), example, f"example {index}")


def classifications(result: Any) -> list[list[ScoredLabel]]:
    return [[ScoredLabel(one.label, float(one.score)) for one in row.classes] for row in result.classifications]


def regressions(result: Any) -> NDArray[np.float32]:
    return np.array([one.value for one in result.regressions], np.float32)


def _write(message: Any, example: Example, name: str) -> None:
    if not isinstance(example, Mapping):
        raise InvalidArgument(f"{name} is a {type(example).__name__}; give a mapping of features, such as {{'x': 1.0}}")
    for feature, value in example.items():
        _write_feature(message.features.feature[feature], value, f"{name}, feature {feature}")


def _write_feature(message: Any, value: ArrayLike | bytes, name: str) -> None:
    """One value, or a flat list of integers, booleans, floats, strings or bytes. An empty list writes nothing."""
    array = array_of(bytes(value) if isinstance(value, (bytearray, memoryview)) else value, name)
    if array.ndim > 1:
        raise InvalidArgument(f"{name}: has more than one dimension; a feature is one value or a flat list of them")
    kind = "f" if array.dtype.name == "bfloat16" else array.dtype.kind
    if kind not in _LISTS:
        raise InvalidArgument(
            f"{name}: dtype {array.dtype} cannot be a feature; give numbers, booleans, strings or bytes"
        )
    if array.size == 0:
        return
    values = array.ravel().tolist()
    if kind == "O":
        values = [_bytes(one, name) for one in values]
    if kind == "u" and max(values) >= 1 << 63:
        raise InvalidArgument(f"{name}: {max(values)} does not fit into int64, the integer type of features")
    getattr(message, _LISTS[kind]).value.extend(values)


def _bytes(value: Any, name: str) -> bytes:
    if not isinstance(value, (bytes, str)):
        raise InvalidArgument(f"{name}: holds a {type(value).__name__} where a text or bytes should be")
    return value.encode() if isinstance(value, str) else value
