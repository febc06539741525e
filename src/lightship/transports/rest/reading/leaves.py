"""Converts single JSON values to elements of a tensor: the types and ranges of each dtype, and the error messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lightship.errors import InvalidArgument, Unimplemented
from lightship.tensors.dtypes import DataType
from lightship.transports.rest.reading.base64_text import decode_text
from lightship.transports.rest.reading.values import JsonValue, RepeatedNames, encoded, type_word
from lightship.transports.rest.writing.dump import dump

FLOATS = frozenset({DataType.DT_FLOAT, DataType.DT_DOUBLE, DataType.DT_HALF, DataType.DT_BFLOAT16})
# In TensorFlow Serving, int8, uint8 and int16 overflow (300 becomes 44). Here, such values are refused.
RANGES: dict[DataType, tuple[int, int]] = {
    DataType.DT_INT8: (-(1 << 7), (1 << 7) - 1),
    DataType.DT_INT16: (-(1 << 15), (1 << 15) - 1),
    DataType.DT_INT32: (-(1 << 31), (1 << 31) - 1),
    DataType.DT_INT64: (-(1 << 63), (1 << 63) - 1),
    DataType.DT_UINT8: (0, (1 << 8) - 1),
    DataType.DT_UINT16: (0, (1 << 16) - 1),
    DataType.DT_UINT32: (0, (1 << 32) - 1),
    DataType.DT_UINT64: (0, (1 << 64) - 1),
}
_NARROW = frozenset({DataType.DT_INT8, DataType.DT_INT16, DataType.DT_UINT8, DataType.DT_UINT16})
_NUMBERS, _INTEGERS, _BOOLEANS, _STRINGS = ({int, float}, {int}, {bool}, {str, dict})


def elements(leaves: Sequence[JsonValue], dtype: DataType) -> np.ndarray[Any, Any]:
    """Converts leaves to a flat array of `dtype`. Strings become objects that are bytes.

    Raises InvalidArgument for the first leaf that has a wrong type or is out of range, and Unimplemented for a dtype
    that JSON cannot represent.
    """
    if not leaves:
        return np.empty(0, dtype.numpy)
    types = set(map(type, leaves))
    if dtype in FLOATS and types <= _NUMBERS:
        return narrowed(np.array(leaves, np.float64), dtype)
    if dtype in RANGES and types <= _INTEGERS and _within(leaves, *RANGES[dtype]):
        return np.array(leaves, dtype.numpy)
    if dtype is DataType.DT_BOOL and types <= _BOOLEANS:
        return np.array(leaves, np.bool_)
    if dtype is DataType.DT_STRING and types <= _STRINGS:
        return _strings(leaves)
    for leaf in leaves:
        check_leaf(leaf, dtype)
    raise InvalidArgument(f"these values are not of expected type: {dtype.label}")


def narrowed(doubles: np.ndarray[Any, Any], dtype: DataType) -> np.ndarray[Any, Any]:
    """Rounds doubles to a float dtype. Values that are too large become infinite, as in TensorFlow Serving."""
    with np.errstate(over="ignore", invalid="ignore"):
        return doubles.astype(dtype.numpy, copy=False)


def check_leaf(leaf: JsonValue, dtype: DataType) -> None:
    """Raises the error of `elements` if `leaf`, one JSON value that is not an array, is not an element of `dtype`.

    The error is never stored in a variable, because a reference cycle of error and frame would keep a large request in
    memory until the next garbage collection.
    """
    if dtype in FLOATS:
        right = type(leaf) in _NUMBERS
    elif dtype in RANGES:
        low, high = RANGES[dtype]
        right = type(leaf) is int and low <= leaf <= high
        if type(leaf) is int and not right and dtype in _NARROW:
            text = f"JSON Value: {dump(leaf)} is out of range for type: {dtype.label} ({low} to {high})"
            raise InvalidArgument(text)
    elif dtype is DataType.DT_BOOL:
        right = type(leaf) is bool
    elif dtype is DataType.DT_STRING:
        right = isinstance(leaf, str) or (isinstance(leaf, dict) and decode_base64(leaf) is not None)
    else:
        raise Unimplemented(f"Conversion of JSON Value: {dump(leaf)} to type: {dtype.label}")
    if not right:
        text = f"JSON Value: {dump(leaf)} Type: {type_word(leaf)} is not of expected type: {dtype.label}"
        raise InvalidArgument(text)


def is_base64(value: JsonValue) -> bool:
    """Returns whether a value is `{"b64": "..."}`, which means bytes at any position."""
    return isinstance(value, dict) and _base64_text(value) is not None


def decode_base64(value: dict[str, JsonValue]) -> bytes:
    """Decodes `{"b64": TEXT}`. The alphabet is the standard one, white space is ignored, and padding is optional.

    If there is padding, it must be correct. Raises InvalidArgument for any other value.
    """
    text = _base64_text(value)
    if text is None:  # the object is not of the form {"b64": TEXT}
        raise InvalidArgument(f"JSON Value: {dump(value)} not formatted correctly for base64 data")
    return decode_text(encoded(text))


def _base64_text(value: dict[str, JsonValue]) -> str | None:
    text = value.get("b64")
    return text if len(value) == 1 and isinstance(text, str) and not isinstance(value, RepeatedNames) else None


def _within(leaves: Sequence[Any], low: int, high: int) -> bool:
    return bool(min(leaves) >= low and max(leaves) <= high)


def _strings(leaves: Sequence[JsonValue]) -> np.ndarray[Any, Any]:
    array = np.empty(len(leaves), object)
    for index, leaf in enumerate(leaves):
        array[index] = encoded(leaf) if isinstance(leaf, str) else decode_base64(leaf)  # type: ignore[arg-type]
    return array
