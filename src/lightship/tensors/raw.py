"""Reads and writes tensors as bytes: numbers in little-endian order. Their dtype and shape are sent separately."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.errors import InvalidArgument, Unimplemented
from lightship.memory_budget import NOT_COUNTED, Reservation
from lightship.tensors.dtypes import MAX_DIMENSIONS, DataType

Array = NDArray[Any]

MAX_EMPTY_ELEMENTS = 1 << 23  # the largest product of the dimensions other than 0 of a tensor without elements
_SHAPE = re.compile(r"\[?((?:\d{1,19}(?:,\d{1,19})*,?)?)\]?", re.ASCII)
_RAW_DTYPES = (
    *("float32", "float64", "float16", "bfloat16", "float8_e5m2", "float8_e4m3fn"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("bool", "complex64", "complex128"),
)
_SEND_AS_JSON = "only numbers and booleans can be sent as bytes; send strings as JSON"


@cache  # numpy puts a name together each time
def dtype_name(dtype: DataType) -> str:
    """Returns numpy's name of a dtype, such as float32; `string` for strings, TensorFlow's name if numpy has none."""
    try:
        return "string" if dtype is DataType.DT_STRING else dtype.numpy.name
    except Unimplemented:
        return dtype.label


def check_numeric(name: str, dtype: DataType, role: str) -> None:
    """Raises InvalidArgument for a tensor that cannot be sent as bytes: strings, and types that numpy does not have."""
    if dtype_name(dtype) not in _RAW_DTYPES:
        raise InvalidArgument(f'{role} "{name}" is of dtype {dtype_name(dtype)}: {_SEND_AS_JSON}')


def parse_shape(text: str) -> tuple[int, ...]:
    """Parses a shape such as `1,160,160,3` or `[1,160,160,3]`, or `[]` for a scalar. Raises InvalidArgument."""
    match = _SHAPE.fullmatch("".join(text.split()))
    if match is None:
        raise InvalidArgument(
            f'Lightship-Shape: "{text[:100]}" is not a shape: give whole numbers separated by commas, such as '
            "1,160,160,3"
        )
    return tuple(int(size) for size in match[1].split(",") if size)


def shape_text(shape: Sequence[int]) -> str:
    return ",".join(map(str, shape)) if shape else "[]"


def view(
    data: bytes | memoryview,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    *,
    fortran: bool = False,
    memory: Reservation = NOT_COUNTED,
) -> Array:
    """Returns the bytes as an array, without a copy if byte order and alignment are this machine's.

    memory: counts a copy. Raises its errors, and InvalidArgument if the number of bytes does not match dtype and shape,
    before anything is allocated.
    """
    _check_size(len(data), dtype, shape)
    flat = np.frombuffer(data, dtype)
    if dtype.kind == "b" and flat.size and int(flat.view(np.uint8).max()) > 1:
        raise InvalidArgument("the bool tensor contains a byte other than 0 and 1: send each bool as 0 or 1")
    if not (flat.dtype.isnative and flat.flags.aligned):
        memory.grow(flat.nbytes)
    native = np.require(flat.astype(dtype.newbyteorder("="), copy=False), requirements="A")
    return native.reshape(shape, order="F" if fortran else "C")


def read_raw(
    body: bytes, sent: str, shape: str, name: str, dtype: DataType, memory: Reservation = NOT_COUNTED
) -> Array:
    """Returns the input `name` as an array.

    body: its bytes. sent, shape: the headers with the dtype and shape of the bytes. dtype: the signature's.
    memory: counts a copy, if one is needed. Raises its errors, and InvalidArgument if the bytes, the headers and the
    signature's dtype do not agree.
    """
    check_dtype(sent, name, dtype)
    return view(body, dtype.numpy.newbyteorder("<"), parse_shape(shape), memory=memory)


def write_raw(array: Array) -> bytes:
    little: Array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return little.tobytes()


def check_dtype(sent: str, name: str, dtype: DataType) -> None:
    """Raises InvalidArgument if the dtype that was sent is not the signature's."""
    wanted = dtype_name(dtype)
    if sent not in _RAW_DTYPES:
        raise InvalidArgument(
            f'dtype "{sent[:100]}" is unknown; input "{name}" is {wanted}; the dtypes are {", ".join(_RAW_DTYPES)}'
        )
    if sent != wanted:
        raise InvalidArgument(f'input "{name}" is {wanted}, but {sent} was sent: convert it before sending')


def _check_size(size: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    if len(shape) > MAX_DIMENSIONS:
        raise InvalidArgument(f"the shape has {len(shape)} dimensions; at most {MAX_DIMENSIONS} are allowed")
    wanted = math.prod(shape) * dtype.itemsize
    if wanted != size:
        raise InvalidArgument(
            f"a tensor of shape [{','.join(map(str, shape))}] and dtype {dtype.name} has {wanted} bytes, not {size}"
        )
    if not wanted and math.prod(filter(None, shape)) > MAX_EMPTY_ELEMENTS:
        raise InvalidArgument(
            f"an empty tensor of shape [{','.join(map(str, shape))}] is too large: the product of its other "
            f"dimensions may be at most {MAX_EMPTY_ELEMENTS}"
        )
