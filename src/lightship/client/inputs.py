"""Converts the values that users give for a signature's inputs to arrays of its dtypes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightship.client.results import ModelMetadata, SignatureInfo, TensorInfo
from lightship.errors import InvalidArgument
from lightship.tensors.dtypes import DataType

Inputs = ArrayLike | bytes | Mapping[str, "ArrayLike | bytes"]
Example = Mapping[str, "ArrayLike | bytes"]

# The kinds of numpy dtypes that can be converted to each kind; bfloat16 has the kind "V".
_CONVERTIBLE = {"f": "iuf", "V": "iuf", "c": "iufc", "i": "iu", "u": "iu", "b": "b"}


def array_of(value: ArrayLike | bytes, name: str) -> NDArray[Any]:
    """A value as an array, of objects for strings and bytes. Raises InvalidArgument for lists of different lengths."""
    try:
        array = np.asarray(value)
    except UnicodeDecodeError:  # bytes and strings together
        return np.asarray(value, dtype=object)
    except ValueError as error:
        raise InvalidArgument(
            f"{name}: the rows have different lengths ({error}): give rows of the same length"
        ) from error
    # numpy's type for bytes would drop trailing zeros.
    return np.asarray(value, dtype=object) if array.dtype.kind in "SU" else array


def by_name(inputs: Inputs, known: SignatureInfo) -> Mapping[str, ArrayLike | bytes]:
    """Returns the inputs as a mapping from names to values. A single value is assigned to the signature's only input.

    Raises InvalidArgument if a single value is given and the signature does not have exactly one input.
    """
    if isinstance(inputs, Mapping):
        return inputs
    if len(known.inputs) != 1:
        raise InvalidArgument(
            f"one value was given, but the signature's inputs are {', '.join(known.inputs) or 'none'}: give a mapping "
            "of their names to values"
        )
    return {next(iter(known.inputs)): inputs}


def fitted(array: NDArray[Any], name: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The values in the dtype of an input. Wider floats are rounded, as in JSON.

    Raises InvalidArgument for values that do not fit the dtype.
    """
    if array.dtype == dtype:
        return array
    with np.errstate(over="ignore", invalid="ignore"):
        convertible = array.dtype.kind in _CONVERTIBLE.get(dtype.kind, "") or array.size == 0
        cast = array.astype(dtype) if convertible else None
    if cast is None or (dtype.kind in "iu" and not np.array_equal(cast, array)):
        raise InvalidArgument(
            f"input {name} is {dtype}, which cannot hold the given values of {array.dtype}: convert them"
        )
    return cast


def arrays_for(inputs: Inputs, signature: str, described: ModelMetadata) -> dict[str, NDArray[Any]]:
    """The arrays of a signature's inputs, in their dtypes.

    Inputs that the metadata does not have keep their dtype; the model's side decides about them. Raises InvalidArgument
    for values that do not fit the input's dtype or any tensor.
    """
    known = described.signatures.get(signature)
    if known is None:
        if not isinstance(inputs, Mapping):
            raise InvalidArgument(
                f"model {described.model} has no signature {signature} in version {described.version}: it has "
                f"{', '.join(described.signatures) or 'none'}"
            )
        return {name: _array(value, name, None) for name, value in inputs.items()}
    given = by_name(inputs, known)
    return {name: _array(value, name, known.inputs.get(name)) for name, value in given.items()}


def _array(value: ArrayLike | bytes, name: str, info: TensorInfo | None) -> NDArray[Any]:
    if isinstance(value, (bytearray, memoryview)):
        value = bytes(value)
    array = array_of(value, name)
    if array.dtype.hasobject:
        return _strings(array, name)
    if info is None or info.dtype not in DataType.__members__ or info.dtype == "DT_STRING":
        return array
    return fitted(array, name, DataType[info.dtype].numpy)


def _strings(array: NDArray[Any], name: str) -> NDArray[np.object_]:
    strings = np.empty(array.size, object)
    for index, value in enumerate(array.ravel().tolist()):
        if not isinstance(value, (bytes, str)):
            raise InvalidArgument(f"{name}: holds a {type(value).__name__} where a text or bytes should be")
        strings[index] = value if isinstance(value, bytes) else value.encode()
    return strings.reshape(array.shape)
