"""Documents of few numbers, or of many in short lists: the common request, from bytes to arrays in a few microseconds.

orjson and numpy read them; what either would read differently than TensorFlow Serving, or say otherwise, is left to the
complete way. orjson takes the last of repeated names, numpy takes booleans and texts for numbers; so there must be no
string but the names, each once, and no literal. orjson refuses what else is read differently (NaN, bytes that are not
UTF-8, lone surrogates, text behind the document).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from lightship.saved_model.signatures import TensorSpec
from lightship.tensors.dtypes import DataType
from lightship.transports.rest.reading.document import has_each_name_once, is_for_orjson

LONGEST = 2048  # bytes; beyond, simdjson is quicker for a list of numbers

_OF_NUMBERS = b"0123456789+-.eE[],: \t\n\r"
_PLAINEST = frozenset(text.translate(None, _OF_NUMBERS) for text in (b'{"instances": []}', b'{"inputs": []}'))

Tensors = dict[str, np.ndarray[Any, Any]]

_FLOATS = frozenset({DataType.DT_FLOAT, DataType.DT_DOUBLE})
_INTEGERS = frozenset({DataType.DT_INT64, DataType.DT_UINT64, DataType.DT_INT32, DataType.DT_UINT32})


def read_small(body: bytes) -> tuple[dict[str, Any] | None, bool]:
    """A document if orjson reads it rightly, and whether `small_tensors` may be asked for its tensors.

    They may if its values are numbers, lists of them, or objects of these; `signature_name` is a text.
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
    """Whether so many strings and objects are all there is besides lists and numbers."""
    return (
        body.count(b'"') == 2 * strings
        and body.count(b"{") == objects
        and body.find(b"true") < 0
        and body.find(b"false") < 0
        and body.find(b"null") < 0
    )


def _names(document: dict[str, Any]) -> tuple[int, int]:
    """How many strings and objects there are where they may be. Were there more names, some stood there twice."""
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


@np.errstate(over="ignore")  # what is too large for a float becomes infinite
def small_tensors(document: dict[str, Any], inputs: Mapping[str, TensorSpec]) -> Tensors | None:
    """The tensors of a document of numbers; None if it is refused or not of the simplest kinds."""
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
        return None  # missing, ragged, out of range: the complete way says what and where


def _of_rows(rows: list[Any], inputs: Mapping[str, TensorSpec]) -> Tensors | None:
    if type(rows[0]) is not dict:
        return {name: _array(rows, inputs[name].dtype) for name in inputs} if len(inputs) == 1 else None
    if any(type(row) is not dict or row.keys() != inputs.keys() for row in rows):
        return None
    return {name: _array([row[name] for row in rows], inputs[name].dtype) for name in inputs}


def _array(value: Sequence[Any] | float, dtype: DataType) -> np.ndarray[Any, Any]:
    wanted = dtype.numpy
    if dtype in _FLOATS:
        return np.array(value, wanted)
    found = np.array(value)
    if dtype in _INTEGERS and found.dtype.kind in "iu":  # no double among them
        return found if found.dtype is wanted else np.array(value, wanted)
    raise TypeError
