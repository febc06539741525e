"""Reads small documents of numbers, the most common requests, into arrays within a few microseconds.

orjson and numpy read these documents. Input that either would read differently from TensorFlow Serving, and input that
is invalid, is left to the complete reader. orjson takes the last of repeated names, and numpy takes booleans and
strings for numbers; so a document must have no repeated names, no strings except names, and no literals. orjson refuses
everything else that it would read differently: NaN, bytes that are not UTF-8, lone surrogates, and text after the
document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from lightship.saved_model.signatures import TensorSpec
from lightship.tensors.dtypes import DataType
from lightship.transports.rest.reading.document import has_each_name_once, is_for_orjson

LONGEST = 2048  # bytes; longer lists of numbers are read faster by the C extension

_OF_NUMBERS = b"0123456789+-.eE[],: \t\n\r"
_PLAINEST = frozenset(text.translate(None, _OF_NUMBERS) for text in (b'{"instances": []}', b'{"inputs": []}'))

Tensors = dict[str, np.ndarray[Any, Any]]

_FLOATS = frozenset({DataType.DT_FLOAT, DataType.DT_DOUBLE})
_INTEGERS = frozenset({DataType.DT_INT64, DataType.DT_UINT64, DataType.DT_INT32, DataType.DT_UINT32})


def read_small(body: bytes) -> tuple[dict[str, Any] | None, bool]:
    """Returns a document, or None if orjson may read it wrongly, and whether `small_tensors` may read its tensors.

    It may if the values are numbers, lists of numbers, or objects of these. `signature_name` may be a string.
    """
    small = len(body) <= LONGEST
    if not small and not is_for_orjson(body):
        return None, False
    try:
        document = orjson.loads(body)
    except ValueError:
        return None, False
    if type(document) is not dict:
        return None, False
    if (small and body.translate(None, _OF_NUMBERS) in _PLAINEST) or _has_only(body, *_names(document)):
        return document, True
    return document if has_each_name_once(document, body) else None, False


def _has_only(body: bytes, strings: int, objects: int) -> bool:
    """Returns whether the body has exactly this many strings and objects, and otherwise only lists and numbers."""
    return (
        body.count(b'"') == 2 * strings
        and body.count(b"{") == objects
        and body.find(b"true") < 0
        and body.find(b"false") < 0
        and body.find(b"null") < 0
    )


def _names(document: dict[str, Any]) -> tuple[int, int]:
    """Returns the numbers of strings and objects at the expected positions.

    If the body has more strings than that, it may have repeated names.
    """
    strings, objects = len(document), 1
    if type(document.get("signature_name")) is str:
        strings += 1
    value = document.get("instances")
    if type(value) is list and value and type(value[0]) is dict:
        rows = [row for row in value if type(row) is dict]
        return strings + sum(map(len, rows)), objects + len(rows)
    value = document.get("inputs")
    if type(value) is dict:
        return strings + len(value), objects + 1
    return strings, objects


@np.errstate(over="ignore")  # a number that is too large for a float becomes infinite
def small_tensors(document: dict[str, Any], inputs: Mapping[str, TensorSpec]) -> Tensors | None:
    """Returns the tensors of a document of numbers, or None if the document is invalid or not simple enough."""
    rows, columns = document.get("instances"), document.get("inputs")
    try:
        if columns is None:
            return _of_rows(rows, inputs) if type(rows) is list and rows else None
        if rows is not None or (type(columns) is not dict and len(inputs) > 1):
            return None
        return {
            name: _array(columns[name] if type(columns) is dict else columns, inputs[name].dtype) for name in inputs
        }
    except (ValueError, TypeError, LookupError, OverflowError):
        return None  # missing, ragged or out of range; the complete reader raises the right error


def _of_rows(rows: list[Any], inputs: Mapping[str, TensorSpec]) -> Tensors | None:
    if type(rows[0]) is not dict:
        return {name: _array(rows, inputs[name].dtype) for name in inputs} if len(inputs) == 1 else None
    if any(type(row) is not dict or row.keys() != inputs.keys() for row in rows):
        return None
    return {name: _array([row[name] for row in rows], inputs[name].dtype) for name in inputs}


def _array(value: Sequence[Any] | float, dtype: DataType) -> np.ndarray[Any, Any]:
    if dtype in _FLOATS:
        return np.array(value, dtype.numpy)
    if dtype in _INTEGERS:
        found, wanted = np.array(value), dtype.numpy
        if found.dtype.kind in "iu":  # there is no double in it
            return found if found.dtype is wanted else np.array(value, wanted)
    raise TypeError
