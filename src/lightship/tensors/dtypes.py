"""TensorFlow's element types: their numbers, their names in TensorFlow's messages, and the numpy types for them."""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from typing import Any

import numpy as np

from lightship.errors import Unimplemented

# The highest rank of a tensor. numpy allows 64 dimensions, but no TensorFlow operation takes that many.
MAX_DIMENSIONS = 32


class DataType(IntEnum):
    """`tensorflow.DataType`, without the reference types, whose numbers are larger by 100."""

    DT_INVALID = 0
    DT_FLOAT = 1
    DT_DOUBLE = 2
    DT_INT32 = 3
    DT_UINT8 = 4
    DT_INT16 = 5
    DT_INT8 = 6
    DT_STRING = 7
    DT_COMPLEX64 = 8
    DT_INT64 = 9
    DT_BOOL = 10
    DT_QINT8 = 11
    DT_QUINT8 = 12
    DT_QINT32 = 13
    DT_BFLOAT16 = 14
    DT_QINT16 = 15
    DT_QUINT16 = 16
    DT_UINT16 = 17
    DT_COMPLEX128 = 18
    DT_HALF = 19
    DT_RESOURCE = 20
    DT_VARIANT = 21
    DT_UINT32 = 22
    DT_UINT64 = 23
    DT_FLOAT8_E5M2 = 24
    DT_FLOAT8_E4M3FN = 25
    DT_FLOAT8_E4M3FNUZ = 26
    DT_FLOAT8_E4M3B11FNUZ = 27
    DT_FLOAT8_E5M2FNUZ = 28
    DT_INT4 = 29
    DT_UINT4 = 30
    DT_INT2 = 31
    DT_UINT2 = 32
    DT_FLOAT4_E2M1FN = 33

    __hash__ = int.__hash__  # the hash of enum is slow, because it is written in Python, and every request uses it

    @property
    def numpy(self) -> np.dtype[Any]:
        """The numpy type; for strings it is object, with bytes as elements. Raises Unimplemented if there is none."""
        return _numpy(self)

    @property
    def label(self) -> str:
        """The name in TensorFlow's messages: `float`, `double`, `string`, `half`, ..."""
        return self.name.removeprefix("DT_").lower()

    @classmethod
    def of(cls, dtype: np.dtype[Any]) -> DataType:
        """Returns the type for a numpy type; str and bytes are strings. Raises Unimplemented if there is none."""
        return _of(dtype)


_NUMPY_NAMES: dict[DataType, str] = {
    DataType.DT_FLOAT: "float32",
    DataType.DT_DOUBLE: "float64",
    DataType.DT_INT32: "int32",
    DataType.DT_UINT8: "uint8",
    DataType.DT_INT16: "int16",
    DataType.DT_INT8: "int8",
    DataType.DT_STRING: "object",
    DataType.DT_COMPLEX64: "complex64",
    DataType.DT_INT64: "int64",
    DataType.DT_BOOL: "bool",
    DataType.DT_UINT16: "uint16",
    DataType.DT_COMPLEX128: "complex128",
    DataType.DT_HALF: "float16",
    DataType.DT_UINT32: "uint32",
    DataType.DT_UINT64: "uint64",
}

# numpy has no types for these. The package ml_dtypes, which TensorFlow and JAX use too, adds them.
_ADDED_NAMES: dict[DataType, str] = {
    DataType.DT_BFLOAT16: "bfloat16",
    DataType.DT_FLOAT8_E5M2: "float8_e5m2",
    DataType.DT_FLOAT8_E4M3FN: "float8_e4m3fn",
}

_BY_NUMPY_NAME = {name: number for number, name in (_NUMPY_NAMES | _ADDED_NAMES).items()}


@cache
def _numpy(dtype: DataType) -> np.dtype[Any]:
    if dtype in _NUMPY_NAMES:
        return np.dtype(_NUMPY_NAMES[dtype])
    if dtype in _ADDED_NAMES:
        import ml_dtypes

        added: np.dtype[Any] = np.dtype(getattr(ml_dtypes, _ADDED_NAMES[dtype]))
        return added
    raise Unimplemented(f"tensors of type {dtype.label} have no numpy type and cannot be sent or received")


@cache
def _of(dtype: np.dtype[Any]) -> DataType:
    if dtype.kind in "SUO":
        return DataType.DT_STRING
    if dtype.name not in _BY_NUMPY_NAME:
        raise Unimplemented(
            f"TensorFlow has no type for numpy's {dtype}: convert the array, for example to float32 or int64"
        )
    return _BY_NUMPY_NAME[dtype.name]
