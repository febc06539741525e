"""Reads the column `classes` of a pickled DataFrame, whichever version of pandas wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lightship.bundle.labels import read_classes
from lightship.errors import InvalidArgument, LightshipError
from lightship.packaging.legacy_pickle import REMEDY, Part, read_parts

COLUMN = "classes"


def read_classes_pickle(path: Path) -> tuple[str, ...]:
    """Returns the labels in `classes.pickle`, in the order of its rows, without running anything in the file.

    Raises InvalidArgument if it is not a DataFrame with a column `classes` of different, non-empty strings.
    """
    frame = read_parts(path)
    try:
        labels = _column(frame)
    except LightshipError as error:
        raise InvalidArgument(f"{path}: {error.message}") from error
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        kind = type(error).__name__  # the error's own text may be endless for a hostile pickle
        raise InvalidArgument(f"{path} does not contain a DataFrame that pandas wrote ({kind}): {REMEDY}") from error
    return read_classes(labels)


def _column(frame: Any) -> list[str]:
    if not _is(frame, "DataFrame"):
        raise InvalidArgument(f"the pickle contains {_name(frame)}, not a DataFrame: {REMEDY}")
    if frame.state is None:  # what Lightship writes: the arguments of the class
        return [_label(value) for value in _list(frame.arguments[0][COLUMN])]
    axes, blocks = _manager(frame.state.get("_mgr") or frame.state["_data"])
    columns = _index(axes[0])
    if COLUMN not in columns:
        names = ", ".join(column[:40] for column in columns[:5] if isinstance(column, str))
        raise InvalidArgument(
            f"the DataFrame in the pickle has no column {COLUMN!r} among its {len(columns)} columns ({names}): {REMEDY}"
        )
    position = columns.index(COLUMN)
    for values, placement in blocks:
        positions = _positions(placement)
        if position in positions:
            return [_label(value) for value in _row(values, positions.index(position), len(positions))]
    raise InvalidArgument(f"the DataFrame in the pickle has no values for the column {COLUMN!r}: {REMEDY}")


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidArgument(f"the column {COLUMN!r} contains {_name(value)}, not a list of strings: {REMEDY}")
    return value


def _label(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidArgument(f"the column {COLUMN!r} contains a {_name(value)} among its labels: {REMEDY}")
    return value


def _manager(manager: Part) -> tuple[Any, Iterable[tuple[Any, Any]]]:
    """Returns the axes, and the blocks as pairs of values and columns.

    The axes and blocks are arguments since pandas 1.3; earlier versions stored a state.
    """
    if manager.arguments:
        blocks, axes = manager.arguments
        return axes, [(block.arguments[0], block.arguments[1]) for block in blocks]
    state = manager.state[3]["0.14.1"]
    return state["axes"], [(block["values"], block["mgr_locs"]) for block in state["blocks"]]


def _index(index: Part) -> list[Any]:
    if not _is(index, "_new_Index"):
        raise InvalidArgument(f"the columns of the DataFrame are {_name(index)}, not names: {REMEDY}")
    return _strings(index.arguments[1]["data"])


def _positions(placement: Part) -> Any:
    if _is(placement, "slice"):
        start, stop, step = placement.arguments
        return range(start, stop, step or 1)
    return _integers(placement)


def _row(values: Part, row: int, rows: int) -> list[Any]:
    flat = _strings(values)
    length, rest = divmod(len(flat), rows)
    if rest:
        raise ValueError(f"{len(flat)} values in {rows} columns")
    return flat[row * length : (row + 1) * length]


def _strings(array: Part) -> list[Any]:
    """Returns the elements of an array of objects, row by row, with any wrappers removed."""
    if _is(array, "_reconstruct") and isinstance(array.state[4], list):
        return list(array.state[4])
    if _is(array, "_restore_array"):
        return _arrow_strings(*array.arguments[0])
    for inner in _inside(array):
        if _is(inner, "_reconstruct") or _is(inner, "_restore_array"):
            return _strings(inner)
    raise InvalidArgument(f"the column {COLUMN!r} contains {_name(array)}, not strings: {REMEDY}")


def _inside(array: Part) -> Iterator[Any]:
    state = array.state if isinstance(array, Part) else None
    yield from state.values() if isinstance(state, dict) else state if isinstance(state, tuple) else ()


def _arrow_strings(kind: Part, length: int, nulls: int, offset: int, buffers: list[Any], *_: Any) -> list[str]:
    """Reads Arrow's strings: one buffer with offsets, one with UTF-8."""
    wide = {"large_string": "<i8", "string": "<i4"}[kind.arguments[0]]
    if nulls:
        raise ValueError(f"{nulls} labels are missing")
    ends = np.frombuffer(_bytes(buffers[1]), wide).tolist()
    text = _bytes(buffers[2])
    if not 0 <= offset <= offset + length < len(ends):
        raise ValueError(f"{length} labels in {len(ends)} offsets")
    return [text[ends[index] : ends[index + 1]].decode() for index in range(offset, offset + length)]


def _integers(array: Part) -> list[int]:
    if _is(array, "_frombuffer"):
        data, dtype = array.arguments[:2]
    else:
        dtype, data = array.state[2], array.state[4]
    kind = str(dtype.arguments[0])
    if not re.fullmatch("[iu][1248]", kind):
        raise ValueError(f"positions of type {kind}")
    return [int(number) for number in np.frombuffer(_bytes(data), np.dtype(kind)).tolist()]


def _bytes(value: Any) -> bytes:
    """Returns bytes in the form of any pickle protocol: bytes, bytearrays, buffers, or encoded text in old ones."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if _is(value, "encode"):
        return str(value.arguments[0]).encode("latin1")
    return _bytes(value.arguments[0])


def _is(value: Any, name: str) -> bool:
    return isinstance(value, Part) and value.path.rpartition(".")[2] == name


def _name(value: Any) -> str:
    return value.path if isinstance(value, Part) else type(value).__name__
