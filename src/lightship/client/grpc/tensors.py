"""Converts arrays to `TensorProto` messages and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightship.client.inputs import Inputs, array_of, by_name, fitted
from lightship.client.results import ModelMetadata, TensorInfo
from lightship.errors import InvalidArgument, LightshipError, Unknown
from lightship.tensors.dtypes import DataType
from lightship.tensors.tensor_proto import array_of as read_tensor
from lightship.tensors.tensor_writing import write_tensor


def arrays_for(inputs: Inputs, signature: str, described: ModelMetadata) -> dict[str, NDArray[Any]]:
    """The arrays to send, in the dtypes of the signature's inputs.

    Inputs that the metadata does not have keep their dtype; the server decides about them. Raises InvalidArgument for
    values that do not fit the input's dtype or any tensor.
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


def write(tensor: Any, array: NDArray[Any], name: str) -> None:
    """Fills a message: with the bytes of a numeric array in memory, or with each string."""
    try:
        write_tensor(tensor, array, as_content=not array.dtype.hasobject)
    except (LightshipError, TypeError) as error:
        raise InvalidArgument(f"input {name}: values of {array.dtype} cannot be sent: {error}") from error


def read(tensor: Any, name: str) -> NDArray[Any]:
    """The writable array in a message, as REST would return it.

    Strings are `str`, or `bytes` if the name ends in `_bytes`; bfloat16 becomes float32.
    """
    try:
        array = read_tensor(tensor)
    except InvalidArgument as error:
        raise Unknown(f"output {name} cannot be read: {error.message}") from error
    if array.dtype.hasobject:
        return array if name.endswith("_bytes") else _texts(array)
    if array.dtype.name == "bfloat16":
        return array.astype(np.float32)
    return array if array.flags.writeable else array.copy()


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


def _texts(array: NDArray[Any]) -> NDArray[np.object_]:
    texts = np.empty(array.size, object)
    texts[:] = [value.decode("utf-8", "replace") for value in array.ravel().tolist()]
    return texts.reshape(array.shape)
