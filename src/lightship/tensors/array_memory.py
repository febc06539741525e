"""The memory of arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numpy.typing import NDArray

_OBJECT = 40  # bytes of a Python bytes object, besides its content


def memory_of(arrays: Iterable[NDArray[Any]]) -> int:
    """Returns the bytes that arrays take, with those of the strings in object arrays."""
    return sum([array.nbytes + (string_bytes(array) if array.dtype.hasobject else 0) for array in arrays])


def string_bytes(array: NDArray[Any]) -> int:
    """Returns the bytes that the strings of an object array take, besides the array's own."""
    return sum(map(len, array.reshape(-1).tolist())) + _OBJECT * array.size
