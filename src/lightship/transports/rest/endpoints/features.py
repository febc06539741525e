"""Converts a JSON object to a `tensorflow.Example`. A feature's first element determines its kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lightship.errors import InvalidArgument
from lightship.protos import Example
from lightship.tensors.varint import encode_varint
from lightship.transports.rest.reading.leaves import decode_base64, is_base64
from lightship.transports.rest.reading.numbers import NumberArray
from lightship.transports.rest.reading.values import JsonValue, encoded, members_of, type_word

_INT64_MAX = (1 << 63) - 1
_KINDS: dict[type, str] = {bool: "int64", int: "int64", float: "float", str: "bytes"}
_PACKED = b"\x0a"  # field 1 of FloatList in packed encoding


def serialized_example(value: JsonValue) -> bytes:
    """Returns a serialized `tensorflow.Example` that has an object's members as features.

    A feature is one element or a list of elements. These are integers and booleans, or doubles, or strings and `{"b64":
    TEXT}`. The first element determines which. Raises InvalidArgument with TensorFlow Serving's messages.
    """
    if not isinstance(value, dict):
        raise InvalidArgument(f"Example must be JSON object but got JSON {type_word(value)}")
    example = Example()
    features = example.features.feature
    for name, elements in members_of(value):
        _fill(_empty_feature(features, name), name, elements)
    return bytes(example.SerializeToString())


def _empty_feature(features: Any, name: str) -> Any:
    """Adds the feature `name`, or clears it if it exists, so that the last of repeated names counts."""
    try:
        feature = features[name]
    except UnicodeEncodeError:
        raise InvalidArgument("the name of a feature is not valid Unicode: correct it") from None
    feature.Clear()
    return feature


def _fill(feature: Any, name: str, value: JsonValue) -> None:
    if isinstance(value, NumberArray):
        if _fill_at_once(feature, value):
            return
        value = _elements(value)
    elements = value if isinstance(value, list) else [value]
    kind = _common_kind(name, elements)
    if kind == "int64":
        feature.int64_list.value.extend(map(int, elements))  # type: ignore[arg-type]
    elif kind == "float":
        feature.float_list.value.extend(elements)
    elif kind == "bytes":
        feature.bytes_list.value.extend(_texts(elements))


def _fill_at_once(feature: Any, numbers: NumberArray) -> bool:
    """Fills a feature with numbers that are all integers or all doubles. Returns False if they are not."""
    if len(numbers.shape) != 1:
        return False
    if numbers.values.dtype == np.int64:
        feature.int64_list.value.extend(numbers.values.tolist())
        return True
    if numbers.has_integer():
        return False
    with np.errstate(over="ignore"):
        data = numbers.values.astype("<f4").tobytes()
    feature.float_list.MergeFromString(_PACKED + encode_varint(len(data)) + data)
    return True


def _elements(numbers: NumberArray) -> list[JsonValue]:
    """Returns the elements of an array, integers as int and doubles as float.

    For an array with several dimensions, an empty list as the only element is enough, because it is refused anyway.
    """
    if len(numbers.shape) != 1:
        return [[]]
    return list(numbers.numbers())


def _common_kind(name: str, elements: Sequence[JsonValue]) -> str | None:
    """Returns the kind of all elements, or None if there are none. Raises InvalidArgument if the kinds differ."""
    common = None
    for element in elements:
        kind = _kind(name, element)
        if common is not None and kind != common:
            raise InvalidArgument(f"Unexpected element type in feature: {name} expecting type: {common}")
        common = kind
    return common


def _kind(name: str, element: JsonValue) -> str:
    if isinstance(element, dict) and is_base64(element):
        return "bytes"
    kind = _KINDS.get(type(element))
    if kind is None:
        raise InvalidArgument(f"Feature: {name} has element with unexpected JSON type: {type_word(element)}")
    if type(element) is int and element > _INT64_MAX:
        raise InvalidArgument(f"Feature: {name} has uint64_t element. Only int64_t is supported.")
    return kind


def _texts(elements: Sequence[JsonValue]) -> Iterable[bytes]:
    for element in elements:
        if isinstance(element, str):
            yield encoded(element)
        elif isinstance(element, dict):
            yield decode_base64(element)
