"""Writes a Predict response that differs from an earlier one in nothing but the numbers of its output.

Protobuf writes the first response of a kind. Of the next ones, only the numbers are new.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.tensors.dtypes import DataType
from lightship.tensors.tensor_writing import SAME_BYTES

_MAX_BYTES = 64 << 10  # a larger output is left to protobuf
_MAX_TEMPLATES = 256
_MAX_PLACES = 8

# Writes a response with these numbers.
Write = Callable[[NDArray[Any]], bytes]


class ResponseTemplates:
    """Templates of responses with one output. Any thread may use them."""

    def __init__(self) -> None:
        self._templates: dict[Any, tuple[bytes, bytes] | None] = {}

    def write(self, kind: Any, array: NDArray[Any], write: Write, *, as_content: bool) -> bytes:
        """Returns a response. Those of one `kind` with arrays of one dtype and shape differ in the numbers only."""
        template = self._template(kind, array, write, as_content=as_content)
        if template is None:
            return write(array)
        return b"".join((template[0], array.tobytes(), template[1]))

    def write_parts(self, kind: Any, array: NDArray[Any], count: int, write: Write, *, as_content: bool) -> list[bytes]:
        """Returns `count` responses, each with its share of the rows. Their number must be a multiple of `count`."""
        rows = len(array) // count
        template = self._template(kind, array[:rows], write, as_content=as_content)
        if template is None:
            return [write(array[start : start + rows]) for start in range(0, len(array), rows)]
        (before, after), numbers = template, array.tobytes()
        size = len(numbers) // count
        return [before + numbers[start : start + size] + after for start in range(0, len(numbers), size)]

    def _template(
        self, kind: Any, array: NDArray[Any], write: Write, *, as_content: bool
    ) -> tuple[bytes, bytes] | None:
        key = (kind, array.dtype, array.shape)
        try:
            return self._templates[key]
        except KeyError:
            return self._learn(key, array, write, as_content=as_content)

    def _learn(self, key: Any, array: NDArray[Any], write: Write, *, as_content: bool) -> tuple[bytes, bytes] | None:
        if len(self._templates) >= _MAX_TEMPLATES:
            self._templates.clear()
        template = _template_of(array, write) if _is_plain(array, as_content=as_content) else None
        self._templates[key] = template
        return template


def _is_plain(array: NDArray[Any], *, as_content: bool) -> bool:
    """Returns whether the bytes of the array are the bytes of its field."""
    if not 0 < array.nbytes <= _MAX_BYTES or array.dtype.hasobject or not array.dtype.isnative:
        return False
    return np.little_endian and (as_content or DataType.of(array.dtype) in SAME_BYTES)


def _template_of(array: NDArray[Any], write: Write) -> tuple[bytes, bytes] | None:
    """Returns the bytes before and after the numbers, if two responses show that this is all that differs."""
    ones, zeros = np.ones_like(array, subok=False), np.zeros_like(array, subok=False)
    written, other, numbers = write(ones), write(zeros), ones.tobytes()
    start = written.find(numbers)
    for _ in range(_MAX_PLACES):
        if start < 0:
            return None
        before, after = written[:start], written[start + len(numbers) :]
        if before + zeros.tobytes() + after == other:
            return before, after
        start = written.find(numbers, start + 1)
    return None
