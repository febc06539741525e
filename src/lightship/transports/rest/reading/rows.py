"""Reads the list `instances`. Each of its elements holds one value for every input.

For each input, the whole list is first read as one tensor. If that fails, the elements are read one by one, to find the
first error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from lightship.errors import InvalidArgument, LightshipError, MissingName
from lightship.saved_model.signatures import TensorSpec
from lightship.tensors.dtypes import DataType
from lightship.transports.rest.reading.leaves import is_base64
from lightship.transports.rest.reading.numbers import NumberArray
from lightship.transports.rest.reading.tensor_values import check_number, faulty_number, tensor_of
from lightship.transports.rest.reading.values import JsonValue
from lightship.transports.rest.writing.dump import dump

Tensors = dict[str, np.ndarray[Any, Any]]

_BLOCK = 1024  # rows


def tensors_of_rows(rows: list[JsonValue] | NumberArray, inputs: Mapping[str, TensorSpec]) -> Tensors:
    """Returns tensors of shape [len(rows), ...]. Raises InvalidArgument for the first error, with its index.

    As in TensorFlow Serving, base64 objects in place of objects with names are the values of one input only.
    """
    first = None if isinstance(rows, NumberArray) else rows[0]
    if len(inputs) > 1 and not isinstance(first, dict):
        problem = "expecting list of objects as multiple input tensors required as per tensorinfo_map"
        raise InvalidArgument(f"instances is a plain list, but {problem}")
    if isinstance(rows, NumberArray):
        return {name: _number_rows(rows, spec.dtype) for name, spec in inputs.items()}
    if _is_named(first):
        return _named_rows(rows, inputs)
    return {name: _plain_rows(rows, spec.dtype) for name, spec in islice(inputs.items(), 1)}


def _is_named(value: JsonValue) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _number_rows(rows: NumberArray, dtype: DataType) -> np.ndarray[Any, Any]:
    fault = faulty_number(rows, dtype)
    if fault is None:
        return tensor_of(rows, dtype)
    row = fault // (len(rows.values) // rows.shape[0])
    try:
        check_number(rows, fault, dtype)
    except LightshipError as error:
        raise _fault(row, error) from None
    return tensor_of(rows, dtype)


def _plain_rows(rows: list[JsonValue], dtype: DataType) -> np.ndarray[Any, Any]:
    if not any(map(_is_named, rows)):
        try:
            return tensor_of(rows, dtype)
        except LightshipError:
            pass  # the error is found again below, with its row
    first: np.ndarray[Any, Any] | None = None
    for index in _suspects(rows, dtype):
        if _is_named(rows[index]):
            raise InvalidArgument(f"Expecting value/list but got object at item {index} of input list")
        first = _checked_row(rows[index], index, dtype, first)
    return tensor_of(rows, dtype)


def _suspects(rows: list[JsonValue], dtype: DataType) -> Iterator[int]:
    """Yields the indices of rows that may have an error: the first row and the rows of each block that fails.

    A block also fails if its rows have another shape than the first row.
    """
    yield 0
    shape = tensor_of(rows[0], dtype).shape
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        if any(map(_is_named, block)) or not _passes(block, dtype, shape):
            yield from range(max(start, 1), start + len(block))


def _passes(block: list[JsonValue], dtype: DataType, shape: tuple[int, ...]) -> bool:
    try:
        return bool(tensor_of(block, dtype).shape[1:] == shape)
    except LightshipError:
        return False


def _named_rows(rows: list[JsonValue], inputs: Mapping[str, TensorSpec]) -> Tensors:
    if _has_names(rows, inputs):
        try:
            return {name: tensor_of(_column(rows, name), spec.dtype) for name, spec in inputs.items()}
        except LightshipError:
            pass  # the error is found again below, with its row and key
    first: Tensors = {}
    for index in _named_suspects(rows, inputs, first):
        row = rows[index]
        if not isinstance(row, dict) or not _is_named(row):
            raise InvalidArgument(f"Expecting object but got list at item {index} of input list")
        _check_named_row(row, index, inputs, first)
    return {name: tensor_of(_column(rows, name), spec.dtype) for name, spec in inputs.items()}


def _named_suspects(rows: list[JsonValue], inputs: Mapping[str, TensorSpec], first: Tensors) -> Iterator[int]:
    """Yields the indices of rows that may have an error: the first row and the rows of each block that fails.

    `first` must hold the tensors of the first row when the second index is asked for.
    """
    yield 0
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        if not _has_names(block, inputs) or not all(
            _passes(_column(block, name), spec.dtype, first[name].shape) for name, spec in inputs.items()
        ):
            yield from range(max(start, 1), start + len(block))


def _has_names(rows: list[JsonValue], inputs: Mapping[str, TensorSpec]) -> bool:
    return all(isinstance(row, dict) and _is_named(row) and row.keys() == inputs.keys() for row in rows)


def _column(rows: list[JsonValue], name: str) -> list[JsonValue]:
    return [row[name] for row in rows if isinstance(row, dict)]


def _check_named_row(row: dict[str, JsonValue], index: int, inputs: Mapping[str, TensorSpec], first: Tensors) -> None:
    for name, value in row.items():
        if name not in inputs:
            error = _fault(index, InvalidArgument(f"JSON object: does not have named input: {name}"), name)
            raise error.about(MissingName("input", name, tuple(inputs)))
        first[name] = _checked_row(value, index, inputs[name].dtype, first.get(name), name)
    if row.keys() != inputs.keys():
        problem = f"JSON object: {dump(row)} keys must be equal to: {','.join(sorted(inputs))}"
        raise InvalidArgument(f"Failed to process element: {index} of 'instances' list. {problem}")


def _checked_row(
    row: JsonValue, index: int, dtype: DataType, first: np.ndarray[Any, Any] | None, name: str | None = None
) -> np.ndarray[Any, Any]:
    """Checks a row against the shape of the first row. Returns the first row's tensor."""
    try:
        tensor = tensor_of(row, dtype)
        _check_like(first, tensor)
    except LightshipError as error:
        raise _fault(index, error, name) from None
    return tensor if first is None else first


def _check_like(first: np.ndarray[Any, Any] | None, tensor: np.ndarray[Any, Any]) -> None:
    if first is not None and tensor.size != first.size:
        raise InvalidArgument(f"Expecting tensor size: {first.size} but got: {tensor.size}")
    if first is not None and tensor.shape != first.shape:
        raise InvalidArgument(f"Expecting shape {_shape(first)} but got: {_shape(tensor)}")


def _shape(tensor: np.ndarray[Any, Any]) -> str:
    return f"[{','.join(map(str, tensor.shape))}]"


def _fault(index: int, error: LightshipError, name: str | None = None) -> InvalidArgument:
    key = "" if name is None else f" key: {name}"
    text = f"Failed to process element: {index}{key} of 'instances' list. Error: {error.code.name}: {error.message}"
    return InvalidArgument(text)
