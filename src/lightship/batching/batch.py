"""Which calls can be joined, joins their inputs, and gives each its part of the outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightship.batching.base import EngineCall, Results
from lightship.saved_model.signatures import Signature

Key = tuple[Any, ...]

_MAX_SEEN = 1024  # the most combinations of shapes that are remembered


class Rows(NamedTuple):
    """A call that can be joined with others that have the same key."""

    key: Key
    number: int


class RowCounter:
    """Counts the rows of the calls of one signature."""

    def __init__(self, signature: Signature) -> None:
        specs = [(name, spec.taken.numpy, spec.shape) for name, spec in signature.inputs.items()]
        # The inputs' types, and their sizes besides the first, -1 where any is declared.
        self._declared = [(name, dtype, shape[1:]) for name, dtype, shape in specs if shape and shape[0] == -1]
        self._batched = bool(specs) and len(self._declared) == len(specs)
        self._names = [name for name, _, _ in specs]
        self._outputs = signature.outputs.keys()
        self._seen: dict[object, Rows | None] = {}

    def rows(self, call: EngineCall) -> Rows | None:
        """Returns what a call can be joined by.

        Returns None if it must run alone: if its inputs are not those that the signature declares, which is an error or
        has another meaning, such as a single row without its first dimension; if it has no rows; or if it asks for an
        output that does not exist.
        """
        if not self._batched or len(call.inputs) != len(self._names):
            return None
        outputs = call.outputs
        seen: list[object] = [tuple(outputs) if outputs else None]
        for name in self._names:
            array = call.inputs.get(name)
            if array is None:
                return None
            seen += (array.shape, array.dtype)
        key = tuple(seen)
        try:
            return self._seen[key]
        except KeyError:
            return self._seen_first(call, key)

    def _seen_first(self, call: EngineCall, seen: tuple[object, ...]) -> Rows | None:
        outputs = call.outputs
        # What a client invents must not be remembered.
        if outputs and (len(outputs) > len(self._outputs) or not self._outputs >= set(outputs)):
            return None
        if len(self._seen) >= _MAX_SEEN:
            self._seen.clear()
        arrays = [call.inputs[name] for name in self._names]
        rows = self._seen[seen] = self._count(arrays, seen[0])
        return rows

    def _count(self, arrays: Sequence[NDArray[Any]], outputs: object) -> Rows | None:
        numbers, shapes = set(), []
        for array, (_, dtype, declared) in zip(arrays, self._declared, strict=True):
            if array.dtype != dtype or not array.ndim or not _fits(array.shape[1:], declared):
                return None
            numbers.add(len(array))
            shapes.append(array.shape[1:])
        number = numbers.pop()
        return None if numbers or not number else Rows((outputs, *shapes), number)


def join(calls: Sequence[EngineCall], size: int) -> dict[str, NDArray[Any]]:
    """Returns the rows of all calls below each other, filled up to `size` rows with copies of the last one."""
    inputs: dict[str, NDArray[Any]] = {}
    for name in calls[0].inputs:
        arrays = [call.inputs[name] for call in calls]
        rows = sum(map(len, arrays))
        if rows == size:
            inputs[name] = np.concatenate(arrays) if len(arrays) > 1 else arrays[0]
            continue
        first, last = arrays[0], arrays[-1]
        joined = inputs[name] = np.empty((size, *first.shape[1:]), first.dtype)
        if len(arrays) > 1:
            np.concatenate(arrays, out=joined[:rows])
        else:
            joined[:rows] = first
        joined[rows:] = last[-1]
    return inputs


def split(results: Results, rows: Sequence[int], size: int) -> list[Results] | None:
    """Returns each call's part of the outputs of a joint run. They are views.

    Returns None if an output does not have `size` rows, so that nobody knows which belong to whom.
    """
    if not all(array.ndim and len(array) == size for array in results.values()):
        return None
    count = len(rows)
    if count == 1 and rows[0] == size:
        return [results]
    if len(results) == 1 and sum(rows) == count:  # the usual case, in a third of the time
        ((name, array),) = results.items()
        return [{name: row} for row in array[:count].reshape(count, 1, *array.shape[1:])]
    parts: list[Results] = []
    start = 0
    for number in rows:
        end = start + number
        parts.append({name: array[start:end] for name, array in results.items()})
        start = end
    return parts


def _fits(shape: tuple[int, ...], declared: tuple[int, ...]) -> bool:
    return len(shape) == len(declared) and all(size in (-1, found) for size, found in zip(declared, shape, strict=True))
