"""Converts `tensorflow.TensorProto` to arrays, by TensorFlow's rules."""

from __future__ import annotations

import math
from functools import cache
from itertools import accumulate
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.errors import InvalidArgument, LightshipError
from lightship.memory_budget import NOT_COUNTED, Reservation
from lightship.tensors.dtypes import MAX_DIMENSIONS, DataType
from lightship.tensors.varint import decode_varint

# A few bytes can declare any shape, and the last value is repeated to fill it. This limits the size of such a tensor.
MAX_FILLED_BYTES = 1 << 28

_ELEMENT = 56  # bytes of an element of a field while it is read: the Python object, a reference to it, and its number

_MAX_ELEMENTS = (1 << 63) - 1
_FEW_DIMENSIONS, _SMALL_SIZE = 4, 1 << 15  # most tensors are within these, and their sizes cannot overflow

# For each type the field with its values, and the type of the field's elements.
_FIELDS: dict[DataType, tuple[str, str]] = {
    DataType.DT_FLOAT: ("float_val", "float32"),
    DataType.DT_DOUBLE: ("double_val", "float64"),
    DataType.DT_INT32: ("int_val", "int32"),
    DataType.DT_INT16: ("int_val", "int32"),
    DataType.DT_INT8: ("int_val", "int32"),
    DataType.DT_UINT16: ("int_val", "int32"),
    DataType.DT_UINT8: ("int_val", "int32"),
    DataType.DT_INT64: ("int64_val", "int64"),
    DataType.DT_UINT32: ("uint32_val", "uint32"),
    DataType.DT_UINT64: ("uint64_val", "uint64"),
    DataType.DT_BOOL: ("bool_val", "bool"),
    DataType.DT_COMPLEX64: ("scomplex_val", "float32"),
    DataType.DT_COMPLEX128: ("dcomplex_val", "float64"),
    DataType.DT_HALF: ("half_val", "int32"),
    DataType.DT_BFLOAT16: ("half_val", "int32"),
}
_BIT_PATTERNS = (DataType.DT_HALF, DataType.DT_BFLOAT16)
_COMPLEX = (DataType.DT_COMPLEX64, DataType.DT_COMPLEX128)


def array_of(tensor: Any, memory: Reservation = NOT_COUNTED) -> NDArray[Any]:
    """Returns the array of a `TensorProto`; strings are bytes in an object array. The array may be read-only.

    Uses `tensor_content` if it is set and the tensor has elements. Otherwise uses the typed values: if there are too
    many, the rest is ignored; if there are too few, the last one is repeated; if there are none, the array is filled
    with zeros.
    What it allocates is counted in `memory`. Raises InvalidArgument for an invalid tensor, and if it would have to fill
    more than `MAX_FILLED_BYTES`; and the errors of `Reservation.grow`.
    """
    dtype, element = _types(tensor.dtype)
    shape = _shape(tensor)
    content = tensor.tensor_content  # each access copies it
    if content and 0 not in shape:  # TensorFlow does not look at the values of a tensor without elements
        if dtype is DataType.DT_STRING or dtype is DataType.DT_BOOL:  # all others are views
            memory.grow(len(content) + (_ELEMENT * math.prod(shape) if dtype is DataType.DT_STRING else 0))
        return _of_content(content, dtype, element, shape)
    count = math.prod(shape)
    memory.grow(_ELEMENT * _length(tensor, dtype))
    values = _values(tensor, dtype, element)
    if len(values) < count and count * element.itemsize > MAX_FILLED_BYTES:
        raise InvalidArgument(
            f"a tensor of shape {list(shape)} and type {dtype.label} has {len(values)} values; filling the rest would "
            f"take more than {MAX_FILLED_BYTES >> 20} MiB: send all values"
        )
    if len(values) < count:
        memory.grow(count * element.itemsize)
    return _shaped(_filled(values, element, count), shape)


def declared_size(tensor: Any) -> int:
    """Returns how many elements the dimensions of a `TensorProto` declare. It may have fewer values, or be invalid."""
    size: int = math.prod([dim.size for dim in tensor.tensor_shape.dim])
    return abs(size)


def input_array(name: str, tensor: Any, memory: Reservation = NOT_COUNTED) -> NDArray[Any]:
    """Returns the array of a `TensorProto` that is given for an input.

    What it allocates is counted in `memory`. Raises InvalidArgument with TensorFlow Serving's text, which names the
    input, if it cannot be read.
    """
    try:
        return array_of(tensor, memory)
    except InvalidArgument as error:
        raise InvalidArgument(f"tensor parsing error: {name}") from error


def _shaped(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    try:
        return values.reshape(shape)
    except ValueError as error:  # it has no elements, but its other dimensions are too large
        raise InvalidArgument(f"{list(shape)} is not a valid shape of a tensor") from error


@cache
def _types(number: int) -> tuple[DataType, np.dtype[Any]]:
    try:
        dtype = DataType(number)
        return dtype, dtype.numpy
    except (ValueError, LightshipError) as error:
        raise InvalidArgument(f"tensors of type {number} cannot be read") from error


def _shape(tensor: Any) -> tuple[int, ...]:
    # As in TensorFlow, an unknown rank without dimensions is that of a scalar, and with dimensions does not count.
    shape = tuple([dim.size for dim in tensor.tensor_shape.dim])
    if len(shape) <= _FEW_DIMENSIONS and (not shape or (min(shape) >= 0 and max(shape) <= _SMALL_SIZE)):
        return shape
    if len(shape) > MAX_DIMENSIONS:
        raise InvalidArgument(f"a tensor has {len(shape)} dimensions; at most {MAX_DIMENSIONS} are allowed")
    if any(size < 0 for size in shape) or any(product > _MAX_ELEMENTS for product in accumulate(shape, mul)):
        raise InvalidArgument(f"{list(shape)} is not a valid shape of a tensor")
    return shape


def _of_content(content: bytes, dtype: DataType, element: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    count = math.prod(shape)
    if dtype is DataType.DT_STRING:
        return _shaped(_strings(content, count), shape)
    if len(content) != count * element.itemsize:
        raise InvalidArgument(f"tensor_content has {len(content)} bytes: give {count * element.itemsize}")
    if dtype is DataType.DT_BOOL:
        # Code that reads bools would misbehave if a byte were neither 0 nor 1.
        return np.ndarray(shape, np.uint8, content).astype(np.bool_)
    return np.ndarray(shape, element.newbyteorder("<"), content).astype(element, copy=False)


def _strings(content: bytes, count: int) -> NDArray[np.object_]:
    """Reads strings: first the length of every element as a varint, then all their bytes."""
    lengths, position = [], 0
    if count > len(content):
        raise InvalidArgument(
            f"tensor_content has {len(content)} bytes, too few for {count} strings: write the length of each string, "
            "then all bytes, or use string_val"
        )
    for _ in range(count):
        found = decode_varint(content, position)
        if found is None:
            raise InvalidArgument("tensor_content is cut off in the length of a string: send all of it")
        length, position = found
        lengths.append(length)
    if position + sum(lengths) != len(content):
        raise InvalidArgument(
            "the lengths of the strings in tensor_content do not add up to its size: send all bytes of all strings"
        )
    strings = np.empty(count, object)
    for index, length in enumerate(lengths):
        strings[index] = content[position : position + length]
        position += length
    return strings


def _length(tensor: Any, dtype: DataType) -> int:
    """Returns the number of elements in the field with the values."""
    if dtype is DataType.DT_STRING:
        return len(tensor.string_val)
    return len(getattr(tensor, _FIELDS[dtype][0])) if dtype in _FIELDS else 0


def _values(tensor: Any, dtype: DataType, element: np.dtype[Any]) -> NDArray[Any]:
    if dtype is DataType.DT_STRING:
        strings = np.empty(len(tensor.string_val), object)
        strings[:] = list(tensor.string_val)
        return strings
    if dtype not in _FIELDS:
        return np.frombuffer(tensor.float8_val, element)
    field, field_dtype = _FIELDS[dtype]
    values = np.array(getattr(tensor, field), field_dtype)
    if dtype in _BIT_PATTERNS:
        return values.astype(np.uint16).view(element)
    if dtype in _COMPLEX:
        return values[: len(values) // 2 * 2].view(element)
    return values.astype(element, copy=False)  # values that are too large for a narrow type wrap around


def _filled(values: NDArray[Any], element: np.dtype[Any], count: int) -> NDArray[Any]:
    if len(values) >= count:
        return values[:count]
    filled = np.empty(count, element)
    filled[: len(values)] = values
    filled[len(values) :] = values[-1] if len(values) else (b"" if element.hasobject else np.zeros((), element))
    return filled
