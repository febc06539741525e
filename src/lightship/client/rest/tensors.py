"""Converts numpy arrays to the JSON of `:predict` and back."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import ArrayLike, NDArray

from lightship.client.address import CHECK_ADDRESS
from lightship.client.inputs import Inputs, array_of
from lightship.client.reading import reading
from lightship.client.results import TensorInfo
from lightship.errors import InvalidArgument, Unimplemented, Unknown
from lightship.tensors.dtypes import DataType

# The types of TensorFlow that JSON can carry; it cannot carry quantised or complex numbers.
_NUMPY = {
    dtype.name: dtype.numpy
    for dtype in (
        DataType.DT_FLOAT,
        DataType.DT_DOUBLE,
        DataType.DT_HALF,
        DataType.DT_INT8,
        DataType.DT_INT16,
        DataType.DT_INT32,
        DataType.DT_INT64,
        DataType.DT_UINT8,
        DataType.DT_UINT16,
        DataType.DT_UINT32,
        DataType.DT_UINT64,
        DataType.DT_BOOL,
    )
}
_NUMPY["DT_BFLOAT16"] = np.dtype(np.float32)  # numpy has no bfloat16; float32 holds every value of it


def encode_columns(inputs: Inputs, signature: str | None) -> bytes:
    """The body of a columnar request. `inputs`: the only input's value, or a mapping of names to values.

    Bytes and strings become string tensors. Raises InvalidArgument for values that are not a tensor.
    """
    if isinstance(inputs, Mapping):
        value: Any = {name: plain(array, name) for name, array in inputs.items()}
    else:
        value = plain(inputs, "the only input")
    return document({"inputs": value}, signature)


def encode_rows(instances: Any, signature: str | None) -> bytes:
    """The body of a row request. `instances`: an array or a list that JSON can hold."""
    return document({"instances": instances}, signature)


def encoded_bytes(data: bytes) -> dict[str, str]:
    """The JSON form of bytes for a string tensor."""
    return {"b64": base64.b64encode(data).decode("ascii")}


def outputs_in(document: Mapping[str, Any]) -> Any:
    """The tensors in the response to a columnar request, as JSON values."""
    if "outputs" not in document:
        raise Unknown(f"the response has no outputs, only {', '.join(document) or 'nothing'}, so {CHECK_ADDRESS}")
    return document["outputs"]


def decode_columns(outputs: Any, expected: Mapping[str, TensorInfo]) -> dict[str, NDArray[Any]]:
    """The arrays in a response's `outputs`, which gives the tensor of a single output without its name.

    A string tensor becomes an object array of `str`, or of `bytes` if its name ends in `_bytes`.
    """
    if len(expected) == 1:
        outputs = {next(iter(expected)): outputs}
    elif not names_fit(outputs, expected):
        found = ", ".join(sorted(outputs)) if isinstance(outputs, dict) else "one tensor"
        raise Unknown(f"the server answered with {found}; the signature's outputs are {', '.join(sorted(expected))}")
    return {name: _array(outputs[name], info, name) for name, info in expected.items()}


def names_fit(outputs: Any, expected: Mapping[str, TensorInfo]) -> bool:
    """Whether a response's `outputs` have exactly the names in `expected`.

    `outputs` without names fit a signature with one output.
    """
    named = isinstance(outputs, dict) and "b64" not in outputs
    return set(outputs) == set(expected) if named else len(expected) == 1


def plain(value: ArrayLike | bytes, name: str) -> Any:
    """A form that `document` can write: a numeric array or scalar, or nested lists of strings and `b64` objects."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return encoded_bytes(bytes(value))
    array = array_of(value, name)
    if array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    elif array.dtype.type is np.longdouble:  # wider than any type of TensorFlow; as over gRPC, it is rounded
        with np.errstate(over="ignore"):
            array = array.astype(np.float64)
    if array.dtype.kind in "biuf":
        return _numeric(array)
    if array.dtype.kind in "OSU":
        return _texts(array, name)
    raise InvalidArgument(
        f"{name}: dtype {array.dtype} cannot be sent as JSON; give numbers, booleans, strings or bytes"
    )


def numpy_type(dtype: str) -> np.dtype[Any] | None:
    """The numpy type for one of TensorFlow's names; None for strings and for types that JSON cannot carry."""
    return _NUMPY.get(dtype)


def _numeric(array: NDArray[Any]) -> Any:
    """A contiguous array in native byte order for orjson, or a list if it holds NaN: orjson would write null."""
    if array.ndim == 0 or (array.dtype.kind == "f" and not np.isfinite(array).all()):
        return array.tolist()
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def _texts(array: NDArray[Any], name: str) -> Any:
    def element(value: Any, depth: int) -> Any:
        if depth:
            return [element(one, depth - 1) for one in value]
        if isinstance(value, bytes):
            return encoded_bytes(value)
        if isinstance(value, str):
            return value
        raise InvalidArgument(f"{name}: holds a {type(value).__name__} where a text or bytes should be")

    return element(array.tolist(), array.ndim)


def document(fields: dict[str, Any], signature: str | None) -> bytes:
    """The body of a request."""
    whole = {"signature_name": signature, **fields} if signature else fields
    if not _holds_special_numbers(fields):
        return orjson.dumps(whole, option=orjson.OPT_SERIALIZE_NUMPY)
    # TensorFlow Serving reads NaN and Infinity; orjson would write null.
    return json.dumps(whole, default=lambda array: array.tolist()).encode()


def _holds_special_numbers(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_special_numbers(one) for one in value.values())
    if isinstance(value, list):
        return any(_holds_special_numbers(one) for one in value)
    return isinstance(value, float) and not np.isfinite(value)


def _array(value: Any, info: TensorInfo, name: str) -> NDArray[Any]:
    if info.dtype == "DT_STRING":
        with reading(f"output {name}"):
            return _string_array(value)
    dtype = _NUMPY.get(info.dtype)
    if dtype is None:
        raise Unimplemented(f"output {name} is {info.dtype}, which JSON cannot carry: use a grpc:// address")
    try:
        return np.asarray(value, dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise Unknown(f"output {name} is not the {info.dtype} that the model's metadata says: {error}") from error


def _string_array(value: Any) -> NDArray[Any]:
    """Sets each element by itself: numpy would take strings and `b64` objects for sequences."""
    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    elements = list(_elements(value, shape))
    array = np.empty(len(elements), dtype=object)
    array[:] = elements
    return array.reshape(shape)


def _elements(value: Any, shape: Sequence[int]) -> Iterator[str | bytes]:
    """Yields the texts and bytes of nested lists. Raises TypeError and ValueError unless they have this shape."""
    if not shape:
        if not isinstance(value, (str, dict)):
            raise TypeError(f"{value!r} is not a text")
        yield base64.b64decode(value["b64"]) if isinstance(value, dict) else value
        return
    if not isinstance(value, list) or len(value) != shape[0]:
        raise ValueError(f"{value!r} is not a list of {shape[0]}, as the one before it")
    for one in value:
        yield from _elements(one, shape[1:])
