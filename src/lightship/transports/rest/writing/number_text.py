"""Writes floats as TensorFlow Serving does: with C's `%g`, or with more digits if that does not read back as the same.

A few values are formatted one by one. Many values are formatted by `number_matrix`, and values that it cannot decide
are formatted one by one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from lightship.transports.rest.writing.number_matrix import joined_text

MANY = 112  # from this number of values on, the matrix is faster
_TOGETHER = 1 << 13  # values; the matrix's memory then fits into the processor's cache
_SINGLE = struct.Struct("f")
_NON_FINITE = {"nan": "NaN", "-nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def float_texts(values: np.ndarray[Any, Any]) -> list[str]:
    """Returns the texts of flat float32 or float64 values: `2.0`, `0.333333343`, `1e+06`, `NaN`, `-Infinity`."""
    if len(values) < MANY:
        return list(map(text_of(values), values.tolist()))
    separator = np.array(b"\n")
    texts: list[str] = []
    for start in range(0, len(values), _TOGETHER):
        block = values[start : start + _TOGETHER]
        texts += joined_text(block, separator, text_of(values)).decode().splitlines()
    return texts


def text_of(values: np.ndarray[Any, Any]) -> Callable[[float], str]:
    """Returns the function that writes one value of this dtype."""
    return _single_text if values.dtype.itemsize == 4 else _double_text


def _single_text(number: float) -> str:
    text = "%g" % number  # noqa: UP031 (quicker)
    read = float(text)
    if read != number and _SINGLE.unpack(_SINGLE.pack(read))[0] != number:
        text = "%.9g" % number  # noqa: UP031
    return text if "." in text or "e" in text else _NON_FINITE.get(text) or f"{text}.0"


def _double_text(number: float) -> str:
    text = "%g" % number  # noqa: UP031
    if float(text) != number:
        text = "%.17g" % number  # noqa: UP031
    return text if "." in text or "e" in text else _NON_FINITE.get(text) or f"{text}.0"
