"""Numbers as TensorFlow Serving writes them: C's `%g`, with more digits only if that does not read back as the same.

Values are formatted some thousands at a time by one call of Python's own formatting, which keeps the interpreter's lock
no longer than a millisecond.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

_TOGETHER = 2048
_FEW = 8  # below this, numpy costs more than it saves
_PRECISE = {4: "%.9g", 8: "%.17g"}


def float_texts(values: np.ndarray[Any, Any]) -> list[str]:
    """Texts of flat float32 or float64 values: `2.0`, `0.333333343`, `1e+06`, `NaN`, `-Infinity`."""
    if len(values) <= _FEW:
        return [_one(number, values.dtype) for number in values.tolist()]
    texts: list[str] = []
    for start in range(0, len(values), _TOGETHER):
        texts += _some(values[start : start + _TOGETHER])
    return texts


def _one(number: float, dtype: np.dtype[Any]) -> str:
    text = f"{number:g}"
    if dtype.type(text) != number:
        text = _PRECISE[dtype.itemsize] % number
    return next(_finished([text]))


def _some(values: np.ndarray[Any, Any]) -> list[str]:
    numbers = values.tolist()
    short = _formatted("%g", numbers)
    same = np.array(short, np.float64).astype(values.dtype) == values
    if not same.all():
        precise = iter(_formatted(_PRECISE[values.dtype.itemsize], values[~same].tolist()))
        short = [text if kept else next(precise) for text, kept in zip(short, same.tolist(), strict=True)]
    return list(_finished(short))


def _formatted(form: str, numbers: list[float]) -> list[str]:
    return (f"{form} " * len(numbers) % tuple(numbers)).split()


def _finished(texts: list[str]) -> Iterator[str]:
    for text in texts:
        if "." in text or "e" in text:
            yield text
        else:
            yield _NON_FINITE.get(text) or f"{text}.0"


_NON_FINITE = {"nan": "NaN", "-nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
