"""Converts arrays to `TensorProto` messages and back."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from lightship.client.inputs import arrays_for as arrays_for
from lightship.client.outputs import output_array
from lightship.errors import InvalidArgument, LightshipError, Unknown
from lightship.tensors.tensor_proto import array_of as read_tensor
from lightship.tensors.tensor_writing import write_tensor


def write(tensor: Any, array: NDArray[Any], name: str) -> None:
    """Fills a message: with the bytes of a numeric array in memory, or with each string."""
    try:
        write_tensor(tensor, array, as_content=not array.dtype.hasobject)
    except (LightshipError, TypeError) as error:
        raise InvalidArgument(f"input {name}: values of {array.dtype} cannot be sent: {error}") from error


def read(tensor: Any, name: str) -> NDArray[Any]:
    """The writable array in a message, as REST would return it; see `output_array`."""
    try:
        array = read_tensor(tensor)
    except InvalidArgument as error:
        raise Unknown(f"output {name} cannot be read: {error.message}") from error
    return output_array(array, name)
