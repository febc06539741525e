"""Rectangular arrays of JSON numbers, whose values were read directly into numpy arrays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from lightship.transports.rest.reading import extension

_NUMBER = re.compile(rb"-?(?:[0-9][-+.0-9eE]*|NaN|Inf(?:inity)?)")
_TOKEN = re.compile(rb"[\[\]]|" + _NUMBER.pattern)
_DOUBLE = re.compile(rb"[.eENI]")
_SLICE = 1 << 20  # bytes


class NumberArray:
    """A rectangular array of JSON numbers.

    `values` is flat. Its dtype is int64 or uint64 if every number is an integer literal that fits (`integral`), else
    float64.
    """

    __slots__ = ("_body", "_end", "_start", "integral", "shape", "values")

    def __init__(self, body: bytes, start: int, end: int, values: np.ndarray[Any, Any], shape: tuple[int, ...]) -> None:
        self._body, self._start, self._end = body, start, end
        self.values = values
        self.shape = shape
        self.integral = values.dtype != np.float64

    @classmethod
    def of_buffer(
        cls,
        body: bytes,
        start: int,
        end: int,
        buffer: bytearray,
        first: int,
        count: int,
        shape: tuple[int, ...],
        kind: str,
    ) -> NumberArray:
        """Returns the array whose text is a part of a body. Its values begin with number `first` of a buffer."""
        return cls(body, start, end, np.frombuffer(buffer, kind, count, 8 * first), shape)

    @property
    def text(self) -> bytes:
        """A copy of the JSON text of the array."""
        return self._body[self._start : self._end]

    def tokens(self) -> Iterator[bytes]:
        """Yields the numbers and brackets of the text."""
        return (match.group() for match in _TOKEN.finditer(self._body, self._start, self._end))

    def first_outside(self, low: int, high: int) -> int | None:
        """Returns the flat index of the first number that is not an integer from `low` to `high`, or None."""
        if self.integral and self.values.min() >= low and self.values.max() <= high:
            return None
        if extension.native is not None:
            index = int(extension.native.find_outside(self._body, self._start, self._end, low, high))
            return None if index < 0 else index
        for index, match in enumerate(self._numbers()):
            number = number_of(match.group())
            if isinstance(number, float) or not low <= number <= high:
                return index
        return None

    def has_integer(self) -> bool:
        """Returns whether a number is an integer of at most 64 bits."""
        if self.integral or extension.native is None:
            return self.integral or any(isinstance(number_of(match.group()), int) for match in self._numbers())
        return bool(extension.native.find_integer(self._body, self._start, self._end) >= 0)

    def number_text(self, index: int) -> bytes:
        """Returns the JSON text of the number at a flat index."""
        match = _NUMBER.search(self._body, self._offset(index), self._end)
        return match.group() if match else b""

    def numbers(self) -> Iterator[int | float]:
        """Yields the numbers as the complete reader reads them."""
        return (number_of(match.group()) for match in self._numbers())

    def _numbers(self) -> Iterator[re.Match[bytes]]:
        return _NUMBER.finditer(self._body, self._start, self._end)

    def _offset(self, index: int) -> int:
        """Returns an offset before the number at a flat index, and behind the number before it."""
        if extension.native is not None:
            return int(extension.native.find_index(self._body, self._start, self._end, index))
        start = self._start
        while start < self._end:
            commas = np.flatnonzero(
                np.frombuffer(self._body, np.uint8, min(_SLICE, self._end - start), start) == ord(",")
            )
            if index <= len(commas):
                return start if index == 0 else start + int(commas[index - 1]) + 1
            index -= len(commas)
            start += _SLICE
        return self._end


def number_of(text: bytes) -> int | float:
    """Returns the value of a valid JSON number. Integers that exceed 64 bits become doubles."""
    if _DOUBLE.search(text):
        return float(text)
    number = int(text) if len(text) <= 20 else None
    return number if number is not None and -(1 << 63) <= number < 1 << 64 else float(text)
