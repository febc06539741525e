"""TensorFlow's element types, and the conversion of everything that `make_tensor_proto` accepts as a type."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from lightship.errors import LightshipError
from lightship.tensors.dtypes import DataType

float16 = half = DataType.DT_HALF
float32 = DataType.DT_FLOAT
float64 = double = DataType.DT_DOUBLE
bfloat16 = DataType.DT_BFLOAT16
int8 = DataType.DT_INT8
int16 = DataType.DT_INT16
int32 = DataType.DT_INT32
int64 = DataType.DT_INT64
uint8 = DataType.DT_UINT8
uint16 = DataType.DT_UINT16
uint32 = DataType.DT_UINT32
uint64 = DataType.DT_UINT64
bool = DataType.DT_BOOL
complex64 = DataType.DT_COMPLEX64
complex128 = DataType.DT_COMPLEX128
string = DataType.DT_STRING

_NAMES = {dtype.label: dtype for dtype in DataType if dtype} | {"float16": half, "float32": float32, "float64": double}
_PYTHON: dict[Any, DataType] = {float: float32, builtins.bool: bool, object: string}
_NO_TYPES = (int, str, bytes, complex)  # Python types that TensorFlow does not accept as a dtype either


def data_type(given: Any) -> DataType:
    """The DataType of a constant above, a value of `types_pb2.DataType`, a name, a numpy type or a TensorFlow type.

    Raises TypeError for other values, and for types that numpy does not have.
    """
    try:
        dtype = _looked_up(getattr(given, "as_datatype_enum", given))
        _ = dtype.numpy
    except (LightshipError, KeyError, ValueError, TypeError):
        raise TypeError(f"{given!r} is not a type of tensors that can be sent; use one such as 'float32'") from None
    return dtype


def _looked_up(given: Any) -> DataType:
    if isinstance(given, int):
        return DataType(given - 100 if given > 100 else given)  # above 100 is a reference to a type
    if isinstance(given, str):
        return _NAMES[given]
    if isinstance(given, type) and given in _NO_TYPES:
        raise TypeError
    if isinstance(given, type) and given in _PYTHON:
        return _PYTHON[given]
    return DataType.of(np.dtype(given))
