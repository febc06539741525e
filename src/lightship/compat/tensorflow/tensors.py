"""`tf.make_tensor_proto` and `tf.make_ndarray`: convert Python and numpy values to messages and back."""

from __future__ import annotations

import array as arrays
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from numbers import Complex, Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.compat.tensorflow.dtypes import data_type
from lightship.errors import InvalidArgument
from lightship.protos import TensorProto
from lightship.tensors.dtypes import DataType
from lightship.tensors.tensor_proto import array_of
from lightship.tensors.tensor_writing import write_tensor

_MAX_BYTES = 2**31 - 1  # of a message
# TensorFlow writes values of these types into their own field, never into `tensor_content`.
_IN_FIELDS = (
    DataType.DT_BOOL,
    DataType.DT_COMPLEX64,
    DataType.DT_COMPLEX128,
    DataType.DT_STRING,
    DataType.DT_UINT16,
)
_KINDS = {
    "f": "iuf",
    "i": "iu",
    "u": "iu",
    "c": "iufc",
    "b": "b",
}  # kinds of numpy dtypes, and the kinds that can be converted to them
_TEXT = (str, bytes, bytearray)
_BUFFERS = (memoryview, bytearray, arrays.array)


def make_tensor_proto(
    values: Any, dtype: Any = None, shape: Any = None, verify_shape: bool = False, allow_broadcast: bool = False
) -> Any:
    """Returns a `TensorProto` with these values, encoded as TensorFlow does it.

    values: a number, a text, nested lists of them, or an array.
    dtype: as for `data_type`. By default an array keeps its own, Python's floats become float32, and Python's integers
        become int32 if they fit.
    shape: by default that of the values. If it has more elements than there are values, the last value is repeated.
    verify_shape: whether `shape` must be that of the values.
    allow_broadcast: whether a single value may be repeated to fill `shape`.

    Raises ValueError and TypeError for values that do not fit.
    """
    if verify_shape and allow_broadcast:
        raise ValueError("allow_broadcast and verify_shape cannot be given together")
    if getattr(getattr(values, "DESCRIPTOR", None), "full_name", "") == TensorProto.DESCRIPTOR.full_name:
        return values
    wanted = None if dtype is None else data_type(dtype)
    sizes = None if shape is None else tuple(int(size) for size in shape)
    array = _array(values, wanted, sizes)
    if sizes is None:
        sizes = array.shape
    else:
        _check_shape(array, sizes, verify_shape, allow_broadcast)
    return _written(array, sizes)


def make_ndarray(tensor: Any) -> NDArray[Any]:
    """Returns the values of a `TensorProto` as a writable array. Strings are an object array of bytes.

    Raises TypeError for a type that numpy does not have, and ValueError if shape and values do not fit together.
    """
    if tensor.dtype > 100:  # a reference to a type
        raise TypeError(f"{tensor.dtype} is not a type of tensors that can be sent")
    data_type(tensor.dtype)
    try:
        array = array_of(tensor)
    except InvalidArgument as error:
        raise ValueError(error.message) from None
    return array if array.flags.writeable else array.copy()


def _array(values: Any, wanted: DataType | None, shape: tuple[int, ...] | None) -> NDArray[Any]:
    if isinstance(values, _BUFFERS) or hasattr(values, "__array__"):
        array = np.asarray(values)
        if wanted is not DataType.DT_STRING and (wanted or array.dtype.kind not in "SUO"):
            return _cast(array, (wanted or data_type(array.dtype)).numpy)
        return _texts(array.ravel().tolist(), array.shape)
    if values is None:
        raise ValueError("None cannot be a value of a tensor")
    if shape is not None and math.prod(shape) == 0:
        return np.empty(shape, wanted.numpy if wanted else np.float32)
    return _of_python(values, wanted)


def _of_python(values: Any, wanted: DataType | None) -> NDArray[Any]:
    dtype = object if wanted is DataType.DT_STRING else None
    array = np.array(values, dtype)  # raises ValueError for lists of different lengths
    if wanted is not None:
        _check_kinds(values, array, wanted)
    if array.shape != (dense := _dense_shape(values)):  # the elements of the lists are sequences themselves
        raise ValueError(f"{values!r} has the shape {array.shape}, but its lists and tuples have {dense}")
    if wanted is DataType.DT_STRING or (wanted is None and array.dtype.kind in "SUO"):
        return _texts(list(_leaves(values)), array.shape)
    if wanted is not None:
        return _exact(values, array, wanted.numpy)
    if array.dtype == np.int64 and np.array_equal(array, array.astype(np.int32)):
        return array.astype(np.int32)
    return _cast(array, np.dtype(np.float32) if array.dtype == np.float64 else data_type(array.dtype).numpy)


def _check_kinds(values: Any, array: NDArray[Any], wanted: DataType) -> None:
    """Raises TypeError for a value that the wanted type cannot represent. Usually the array's type decides."""
    if array.dtype.kind in _KINDS.get(wanted.numpy.kind, ""):
        return
    for value in _leaves(values):
        if not _fits(value, wanted):
            raise TypeError(f"expected {wanted.label}, but got {value!r}, which is of type {type(value).__name__}")


def _exact(values: Any, array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Converts to the wanted type. numpy made an array of floats or objects from integers that exceed int64."""
    if dtype.kind in "iu" and array.dtype.kind not in "iub":
        with suppress(OverflowError):
            return np.array(values, dtype)
    return _cast(array, dtype)


def _cast(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(dtype, copy=False)


def _texts(values: Sequence[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    texts = np.empty(len(values), object)
    for index, value in enumerate(values):
        if not isinstance(value, _TEXT):
            raise TypeError(f"{value!r} is neither text nor bytes, nor a number that a tensor can hold")
        texts[index] = value.encode() if isinstance(value, str) else bytes(value)
    return texts.reshape(shape)


def _leaves(values: Any) -> Iterator[Any]:
    if isinstance(values, (list, tuple)):
        for value in values:
            yield from _leaves(value)
    else:
        yield values


def _dense_shape(values: Any) -> tuple[int, ...]:
    shape = []
    while isinstance(values, (list, tuple)):
        shape.append(len(values))
        values = values[0] if values else None
    return tuple(shape)


def _fits(value: Any, wanted: DataType) -> bool:
    if wanted is DataType.DT_STRING:
        return isinstance(value, _TEXT)
    kind = wanted.numpy.kind
    if kind == "b":
        return isinstance(value, bool | np.bool_)
    return isinstance(value, Integral if kind in "iu" else Complex if kind == "c" else Real)


def _check_shape(array: NDArray[Any], shape: tuple[int, ...], verify: bool, broadcast: bool) -> None:
    count = math.prod(shape)
    if broadcast and array.shape not in ((), (1,)) and array.size != count:
        raise TypeError(f"values of shape {array.shape} cannot fill the shape {shape}")
    if verify and array.shape != shape:
        raise TypeError(f"the values have the shape {array.shape}, not {shape}")
    if not broadcast and array.size > count:
        raise ValueError(f"{array.size} values are too many for the shape {shape}, which has {count} elements")


def _written(array: NDArray[Any], shape: tuple[int, ...]) -> Any:
    whole = array.size == math.prod(shape)
    as_content = whole and array.size > 1 and DataType.of(array.dtype) not in _IN_FIELDS
    if array.nbytes > _MAX_BYTES and array.dtype != object:
        raise ValueError(f"{array.nbytes} bytes of values are more than the 2 GiB that a message can have")
    tensor = TensorProto()
    write_tensor(tensor, array.reshape(shape) if whole else array, as_content=as_content)
    if not whole:
        del tensor.tensor_shape.dim[:]
        for size in shape:
            tensor.tensor_shape.dim.add(size=size)
    return tensor
