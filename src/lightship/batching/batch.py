"""Which calls can be joined, joins their inputs, and gives each its part of the outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightship.batching.base import EngineCall, Results
from lightship.saved_model.signatures import Signature

Key = tuple[Any, ...]


class Rows(NamedTuple):
    """A call that can be joined with others that have the same key."""

    key: Key
    number: int


class RowCounter:
    """Counts the rows of the calls of one signature."""

    def __init__(self, signature: Signature) -> None:
        shapes = {name: spec.shape for name, spec in signature.inputs.items()}
        # The inputs' types and their sizes besides the first, -1 where any is declared. None: no calls can be joined.
        self._declared: list[tuple[str, np.dtype[Any], tuple[int, ...]]] | None = [
            (name, spec.taken.numpy, tuple(shape[1:]))
            for (name, spec), shape in zip(signature.inputs.items(), shapes.values(), strict=True)
            if shape and shape[0] == -1
        ]
        if not shapes or len(self._declared) != len(shapes):
            self._declared = None

    def rows(self, call: EngineCall) -> Rows | None:
        """Returns what a call can be joined by.

        Returns None if it must run alone: its inputs are not those that the signature declares, which has a reason in
        its error or another meaning, such as a single row without its first dimension; or it has no rows.
        """
        if self._declared is None or len(call.inputs) != len(self._declared):
            return None
        outputs, count = call.outputs, 0
        key: list[Any] = [tuple(outputs) if outputs else None]
        for name, dtype, declared in self._declared:
            array = call.inputs.get(name)
            if array is None or array.dtype != dtype:
                return None
            shape = array.shape
            if shape[1:] != declared and not _fits(shape[1:], declared) or not shape:
                return None
            if shape[0] != count:
                if count or not shape[0]:
                    return None
                count = shape[0]
            key.append(shape[1:])
        return Rows(tuple(key), count) if count else None


def join(calls: Sequence[EngineCall], size: int) -> dict[str, NDArray[Any]]:
    """Returns the rows of all calls below each other, filled up to `size` rows with copies of the last one."""
    inputs: dict[str, NDArray[Any]] = {}
    for name in calls[0].inputs:
        arrays = [call.inputs[name] for call in calls]
        missing = size - sum(map(len, arrays))
        if missing:
            arrays.append(np.repeat(arrays[-1][-1:], missing, axis=0))
        inputs[name] = np.concatenate(arrays)
    return inputs


def split(results: Results, rows: Sequence[int], size: int) -> list[Results] | None:
    """Returns each call's part of the outputs of a joint run. They are views.

    Returns None if an output does not have `size` rows, so that nobody knows which belong to whom.
    """
    if not all(array.ndim and len(array) == size for array in results.values()):
        return None
    parts: list[Results] = []
    start = 0
    for count in rows:
        end = start + count
        parts.append({name: array[start:end] for name, array in results.items()})
        start = end
    return parts


def _fits(shape: tuple[int, ...], declared: tuple[int, ...]) -> bool:
    return len(shape) == len(declared) and all(size in (-1, found) for size, found in zip(declared, shape, strict=True))
