"""Converts a JSON value to a tensor: determines its shape, then converts its elements.

The first element of each list determines the shape, and every other element must match it. Declared shapes are not
checked, because the model's operations decide which shapes they accept.
"""

from __future__ import annotations

from itertools import chain
from typing import Any, cast

import numpy as np

from lightship.errors import InvalidArgument
from lightship.tensors.dtypes import DataType
from lightship.transports.rest.reading.document import lists_of
from lightship.transports.rest.reading.leaves import FLOATS, RANGES, check_leaf, elements, narrowed
from lightship.transports.rest.reading.numbers import NumberArray, number_of
from lightship.transports.rest.reading.values import JsonValue
from lightship.transports.rest.writing.dump import dump

MAX_DIMENSIONS = 64  # numpy's limit


def tensor_of(value: JsonValue, dtype: DataType) -> np.ndarray[Any, Any]:
    """Returns the tensor of a JSON value.

    Raises InvalidArgument with TensorFlow Serving's message for ragged lists and wrong leaves, and Unimplemented for a
    dtype that JSON cannot represent.
    """
    if isinstance(value, NumberArray):
        fault = faulty_number(value, dtype)
        if fault is not None:
            check_number(value, fault, dtype)
        return _of_numbers(value, dtype)
    if isinstance(value, list) and any(isinstance(element, NumberArray) for element in value):
        return _of_arrays(value, dtype)
    shape = shape_of(value)
    leaves = _leaves(value, shape)
    if leaves is None:
        value = as_lists(value)
        shape = shape_of(value)
        leaves = _leaves(value, shape)
    if leaves is None:
        _raise_first_fault(value, shape, 0, dtype)
    return elements(cast("list[JsonValue]", leaves), dtype).reshape(shape)


def shape_of(value: JsonValue) -> tuple[int, ...]:
    """Returns the shape of the first elements: `[[1,2],[3,4]]` has shape [2,2], `5` has [], and `[[],[]]` has [2,0]."""
    shape: list[int] = []
    while isinstance(value, list):
        shape.append(len(value))
        if len(shape) > MAX_DIMENSIONS:
            raise InvalidArgument(
                f"The list is nested more than {MAX_DIMENSIONS} deep: no tensor has so many dimensions"
            )
        value = value[0] if value else None
    return tuple(shape)


def faulty_number(array: NumberArray, dtype: DataType) -> int | None:
    """Returns the flat index of the first number that is not an element of `dtype`, or None if there is none."""
    if dtype in FLOATS:
        return None
    if dtype not in RANGES:
        return 0
    return array.first_outside(*RANGES[dtype])


def check_number(array: NumberArray, index: int, dtype: DataType) -> None:
    """Raises the error of the number at a flat index."""
    check_leaf(number_of(array.number_text(index)), dtype)


def _of_numbers(array: NumberArray, dtype: DataType) -> np.ndarray[Any, Any]:
    if dtype in FLOATS:
        values = narrowed(array.values.astype(np.float64, copy=False), dtype)
    else:
        values = array.values.astype(dtype.numpy, copy=False)
    return values.reshape(array.shape)


def _of_arrays(values: list[JsonValue], dtype: DataType) -> np.ndarray[Any, Any]:
    """Converts a list that contains arrays.

    Arrays of the same shape are stacked, if all elements are arrays. Otherwise the arrays are read again as lists.
    """
    shapes = {value.shape if isinstance(value, NumberArray) else None for value in values}
    if len(shapes) == 1:
        return np.stack([tensor_of(value, dtype) for value in values])
    return tensor_of([as_lists(value) for value in values], dtype)


def as_lists(value: JsonValue, levels: int = MAX_DIMENSIONS) -> JsonValue:
    """Returns the value with the arrays in its upper levels converted to lists. Tensors have no deeper levels."""
    if isinstance(value, NumberArray):
        return lists_of(value)
    if isinstance(value, list) and levels:
        return [as_lists(element, levels - 1) for element in value]
    return value


def _leaves(value: JsonValue, shape: tuple[int, ...]) -> list[JsonValue] | None:
    """Returns the leaves in order. Returns None if the value does not have this shape or contains an array."""
    level: list[JsonValue] = [value]
    for size in shape:
        if set(map(type, level)) != {list} or set(map(len, cast("list[list[JsonValue]]", level))) != {size}:
            return None
        level = list(chain.from_iterable(cast("list[list[JsonValue]]", level)))
        if not level:
            return []
    return level if {list, NumberArray}.isdisjoint(map(type, level)) else None


def _raise_first_fault(value: JsonValue, shape: tuple[int, ...], level: int, dtype: DataType) -> None:
    """Raises the error of the first list or leaf, in order, that does not match the shape or the dtype."""
    if not isinstance(value, list):
        if level != len(shape):
            where = f"found at incorrect level: {level + 1} in the JSON DOM. Expected at level: {len(shape)}"
            raise InvalidArgument(f"JSON Value: {dump(value)} {where}")
        return check_leaf(value, dtype)
    if level >= len(shape):
        raise InvalidArgument(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        where = f"{len(value)} at level: {level} expected size: {shape[level]}"
        raise InvalidArgument(f"Encountered list at unexpected size: {where}")
    for element in value:
        _raise_first_fault(element, shape, level + 1, dtype)
