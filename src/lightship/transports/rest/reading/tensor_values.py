"""Converts a JSON value to a tensor: determines its shape, then converts its elements.

The first element of each list determines the shape, and every other element must match it. Declared shapes are not
checked, because the model's operations decide which shapes they accept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain
from typing import Any, cast

import numpy as np

from lightship.errors import InvalidArgument
from lightship.tensors.dtypes import DataType
from lightship.transports.rest.reading.leaves import FLOATS, RANGES, check_leaf, elements, narrowed
from lightship.transports.rest.reading.numbers import NumberArray, number_of
from lightship.transports.rest.reading.values import JsonValue
from lightship.transports.rest.writing.dump import dump

MAX_DIMENSIONS = 64  # numpy's limit
_BLOCK = 1 << 14  # leaves that are converted at once


def tensor_of(value: JsonValue, dtype: DataType) -> np.ndarray[Any, Any]:
    """Returns the tensor of a JSON value.

    Raises InvalidArgument with TensorFlow Serving's message for ragged lists and wrong leaves, and Unimplemented for a
    dtype that JSON cannot represent.
    """
    if isinstance(value, NumberArray):
        return _of_array(value, dtype)
    shape = shape_of(value)
    converted: list[np.ndarray[Any, Any]] = []
    for part in _parts([value], shape):
        if part is None:
            _raise_first_fault(value, shape, 0, dtype)
            raise InvalidArgument("the list has no shape: its elements must have the same number of elements")
        converted.append(_of_array(part, dtype) if isinstance(part, NumberArray) else elements(part, dtype))
    return _joined(converted, dtype).reshape(shape)


def shape_of(value: JsonValue) -> tuple[int, ...]:
    """Returns the shape of the first elements: `[[1,2],[3,4]]` has shape [2,2], `5` has [], and `[[],[]]` has [2,0]."""
    shape: list[int] = []
    while isinstance(value, list | NumberArray):
        shape += value.shape if isinstance(value, NumberArray) else [len(value)]
        if len(shape) > MAX_DIMENSIONS:
            raise InvalidArgument(
                f"The list is nested more than {MAX_DIMENSIONS} deep: no tensor has so many dimensions"
            )
        value = value[0] if isinstance(value, list) and value else None
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


def _of_array(array: NumberArray, dtype: DataType) -> np.ndarray[Any, Any]:
    fault = faulty_number(array, dtype)
    if fault is not None:
        check_number(array, fault, dtype)
    if dtype in FLOATS:
        values = narrowed(array.values.astype(np.float64, copy=False), dtype)
    else:
        values = array.values.astype(dtype.numpy, copy=False)
    return values.reshape(array.shape)


def _parts(values: list[JsonValue], shape: tuple[int, ...]) -> Iterator[list[JsonValue] | NumberArray | None]:
    """Yields what some values consist of, in order: blocks of leaves, and arrays of numbers.

    Each of the values must have this shape. Yields None for the first one that does not. No single step takes long, so
    that other threads of the interpreter can run.
    """
    types = set(map(type, values))
    if not shape:
        yield values if types.isdisjoint((list, NumberArray)) else None
    elif types == {list}:
        lists = cast("list[list[JsonValue]]", values)
        if set(map(len, lists)) != {shape[0]}:
            yield None
        elif len(lists) > 1 and len(lists) * shape[0] <= _BLOCK:
            yield from _parts(list(chain.from_iterable(lists)), shape[1:])
        else:
            size = max(1, _BLOCK // max(1, math.prod(shape[1:])))
            for one in lists:
                for start in range(0, shape[0], size):
                    yield from _parts(one[start : start + size], shape[1:])
    elif NumberArray in types:
        for value in values:
            if isinstance(value, NumberArray):
                yield value if value.shape == shape else None
            else:
                yield from _parts([value], shape)
    else:
        yield None


def _joined(parts: list[np.ndarray[Any, Any]], dtype: DataType) -> np.ndarray[Any, Any]:
    """Joins arrays to one flat array. Each is forgotten when it was copied."""
    if len(parts) <= 1:
        return parts[0] if parts else elements([], dtype)
    joined = np.empty(sum(part.size for part in parts), parts[0].dtype)
    end = len(joined)
    while parts:
        part = parts.pop()
        joined[end - part.size : end] = part.ravel()
        end -= part.size
    return joined


def _raise_first_fault(value: JsonValue, shape: tuple[int, ...], level: int, dtype: DataType) -> None:
    """Raises the error of the first list or leaf, in order, that does not match the shape or the dtype."""
    if isinstance(value, NumberArray):
        return _raise_fault_of_array(value, shape, level, dtype)
    if not isinstance(value, list):
        _check_level_of_leaf(value, shape, level)
        return check_leaf(value, dtype)
    _check_size(len(value), shape, level)
    for element in value:
        _raise_first_fault(element, shape, level + 1, dtype)


def _raise_fault_of_array(array: NumberArray, shape: tuple[int, ...], level: int, dtype: DataType) -> None:
    """Does the same for an array. If its shape is wrong, its first lists show that."""
    if array.shape != shape[level:]:
        for size in array.shape:
            _check_size(size, shape, level)
            level += 1
        _check_level_of_leaf(number_of(array.number_text(0)), shape, level)
    _of_array(array, dtype)


def _check_size(size: int, shape: tuple[int, ...], level: int) -> None:
    if level >= len(shape):
        raise InvalidArgument(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if size != shape[level]:
        where = f"{size} at level: {level} expected size: {shape[level]}"
        raise InvalidArgument(f"Encountered list at unexpected size: {where}")


def _check_level_of_leaf(leaf: JsonValue, shape: tuple[int, ...], level: int) -> None:
    if level != len(shape):
        where = f"found at incorrect level: {level + 1} in the JSON DOM. Expected at level: {len(shape)}"
        raise InvalidArgument(f"JSON Value: {dump(leaf)} {where}")
