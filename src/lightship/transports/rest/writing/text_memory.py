"""Estimates the memory that an answer takes while it is written as JSON, before it is written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from lightship.tensors.array_memory import memory_of, string_bytes

_FEW = 256  # numbers whose text is not worth counting

# The longest texts of numbers: "-1.23456789e-38", "-1.2345678901234567e-308", "false", and integers by their size.
_DIGITS = {"f": 16, "d": 25, "e": 16, "?": 5}
_INTEGER_DIGITS = {1: 4, 2: 6, 4: 11, 8: 20}
_LONGEST_ESCAPE = 6  # a byte of a string becomes \u0001 at most
# While the text of several outputs is written by rows, each value of a row is a Python string.
_ROW = 150

# How many times the text is in memory at the peak: the parts and what they are joined to, by layout.
_ONE_BY_ROWS, _SEVERAL_BY_ROWS, _BY_COLUMNS = 2, 4, 3


def answer_memory(outputs: Mapping[str, np.ndarray[Any, Any]], *, rows: bool) -> int:
    """Returns about the most bytes that the outputs of a model and their text take together; 0 for a few numbers.

    rows: whether each index of dimension 0 is written on one line, as in `predictions`.
    """
    total = 0
    for array in outputs.values():
        if array.size > _FEW or array.dtype.hasobject:
            total += memory_of([array]) + _text_memory(array, rows, len(outputs) > 1)
    return total


def _text_memory(array: np.ndarray[Any, Any], rows: bool, several: bool) -> int:
    if not rows:
        return _BY_COLUMNS * _text_bytes(array, 4 * (array.ndim + 2))
    text = _text_bytes(array, 0)
    if not several:
        return _ONE_BY_ROWS * text
    return _SEVERAL_BY_ROWS * text + _ROW * (len(array) if array.ndim else 1)


def _text_bytes(array: np.ndarray[Any, Any], indent: int) -> int:
    """Returns the most bytes of the text. `indent`: the most blanks before a value or a bracket, 0 on one line."""
    lists: int = sum(math.prod(array.shape[:level]) for level in range(array.ndim))
    return _values_bytes(array) + int(array.size) * (2 + indent) + lists * (4 + 2 * indent)


def _values_bytes(array: np.ndarray[Any, Any]) -> int:
    if array.dtype.hasobject:
        return _LONGEST_ESCAPE * string_bytes(array)
    digits = _DIGITS.get(array.dtype.char) or _INTEGER_DIGITS.get(array.dtype.itemsize, 25)
    return int(array.size) * digits
