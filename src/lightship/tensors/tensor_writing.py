"""Converts arrays to `tensorflow.TensorProto`, in the form in which TensorFlow Serving writes outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.tensors.dtypes import DataType
from lightship.tensors.varint import encode_varint

# The types whose values have the same bytes in the packed field as in a little-endian array, with the number of the
# field and the type of its elements. A bool is a varint of one byte.
SAME_BYTES: dict[DataType, tuple[int, str]] = {
    DataType.DT_FLOAT: (5, "<f4"),
    DataType.DT_DOUBLE: (6, "<f8"),
    DataType.DT_COMPLEX64: (9, "<c8"),
    DataType.DT_BOOL: (11, "?"),
    DataType.DT_COMPLEX128: (12, "<c16"),
}
_VARINTS: dict[DataType, str] = {
    DataType.DT_INT32: "int_val",
    DataType.DT_INT16: "int_val",
    DataType.DT_INT8: "int_val",
    DataType.DT_UINT16: "int_val",
    DataType.DT_UINT8: "int_val",
    DataType.DT_INT64: "int64_val",
    DataType.DT_UINT32: "uint32_val",
    DataType.DT_UINT64: "uint64_val",
}
_LENGTH_DELIMITED = 2
_PART = 1 << 20  # values that are converted to Python integers at a time, because those take much more memory


def write_tensor(tensor: Any, array: NDArray[Any], *, as_content: bool = False) -> None:
    """Fills an empty `TensorProto`, in the field for the array's type or, with `as_content`, in `tensor_content`.

    Strings must be bytes in an object array. Raises Unimplemented for a type that TensorFlow does not have.
    """
    dtype = DataType.of(array.dtype)
    tensor.dtype = int(dtype)
    tensor.tensor_shape.SetInParent()
    dimensions = tensor.tensor_shape.dim
    for size in array.shape:
        dimensions.add().size = size  # passing it as an argument of `add` would take three times as long
    if as_content:
        tensor.tensor_content = _content(array, dtype)
    elif dtype in SAME_BYTES:
        field, element = SAME_BYTES[dtype]
        data = array.astype(element, copy=False).tobytes()
        tensor.MergeFromString(encode_varint(field << 3 | _LENGTH_DELIMITED) + encode_varint(len(data)) + data)
    elif dtype in _VARINTS:
        _extend(getattr(tensor, _VARINTS[dtype]), array)
    elif dtype is DataType.DT_STRING:
        tensor.string_val.extend(_strings(array))
    elif array.dtype.itemsize == 2:  # half and bfloat16 are sent as their bits
        _extend(tensor.half_val, np.ascontiguousarray(array).view(np.uint16))
    else:
        tensor.float8_val = array.tobytes()


def _extend(field: Any, array: NDArray[Any]) -> None:
    values = array.ravel()
    for start in range(0, values.size, _PART):
        field.extend(values[start : start + _PART].tolist())


def _content(array: NDArray[Any], dtype: DataType) -> bytes:
    if dtype is not DataType.DT_STRING:
        return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    strings = _strings(array)
    return b"".join([*(encode_varint(len(string)) for string in strings), *strings])


def _strings(array: NDArray[Any]) -> list[bytes]:
    return [value.encode() if isinstance(value, str) else value for value in array.ravel().tolist()]
