"""Reads long arrays of numbers directly into numpy arrays, with a C extension if it was built, else with simdjson.

The C extension (`number_array.c`) checks the shape while it reads. It leaves unusual input to simdjson.

simdjson silently flattens ragged lists, so the shape is checked separately. The brackets and commas of the text (its
*skeleton*) must be exactly those of the shape that the beginning of the text announces, and the number of numbers must
match that shape. For valid JSON without strings and objects, this proves the shape.
"""

from __future__ import annotations

import math
import re
import threading
from functools import lru_cache
from typing import Any

import numpy as np
import simdjson

try:
    from lightship.transports.rest.reading import _number_array
except ImportError:  # there was no C compiler
    _parse = None
else:
    _parse = _number_array.parse

SHORTEST = 256  # bytes; for shorter arrays the plain reader is as fast
DEEPEST = 32  # levels of nested lists; numpy's own limit is 64
_MAX_RAGGED = 1 << 23  # lists; the same limit as in the complete reader
_KEPT_PARSER_LIMIT = 8 << 20  # bytes; a parser keeps its buffers, so a larger text gets its own parser

_START = re.compile(rb"\[[\[ \t\n\r]*([-0-9NI]?)")
_NUMBER = re.compile(rb"-?(?:[0-9][-+.0-9eE]*|NaN|Inf(?:inity)?)")
_NON_FINITE = re.compile(rb"-?(?:NaN|Inf(?:inity)?)")
_FRACTION = re.compile(rb"[.eENI]")
_MAX_REMEMBERED = 1 << 20  # bytes of a skeleton
_NOT_SKELETON = bytes(set(range(256)) - set(b"[],"))
_DTYPES = {"d": np.float64, "i": np.int64, "u": np.uint64}


class _ThreadParser(threading.local):
    """One parser per thread. A parser must not be used again while one of its documents exists."""

    def __init__(self) -> None:
        self.parser = simdjson.Parser()


_of_thread = _ThreadParser()


class NumberArray:
    """A rectangular array of JSON numbers.

    `values` is flat. Its dtype is int64 or uint64 if every number is an integer literal (`integral`), else float64.
    """

    __slots__ = ("_body", "_place", "integral", "shape", "values")

    def __init__(self, body: bytes, place: slice, values: np.ndarray[Any, Any], shape: tuple[int, ...]) -> None:
        self._body = body
        self._place = place
        self.values = values
        self.shape = shape
        self.integral = values.dtype != np.float64

    @property
    def text(self) -> bytes:
        """The JSON text of the array."""
        return self._body[self._place]

    def first_fraction(self) -> int:
        """Returns the index of the first number that is not an integer literal."""
        text = self.text
        match = _FRACTION.search(text)
        return text.count(b",", 0, match.start()) if match else len(self.values)

    def integers_before(self, index: int) -> np.ndarray[Any, Any]:
        """Returns the numbers before a flat index, which must all be integer literals.

        They are integers, or doubles if one of them exceeds 64 bits.
        """
        text = self.text[: self._comma(index)].translate(None, b"[]") if index else b""
        values = _values(b"[" + text + b"]") if text else None
        return self.values[:index] if values is None else values

    def number_text(self, index: int) -> bytes:
        """Returns the JSON text of the number at a flat index."""
        match = _NUMBER.search(self.text, self._comma(index) + 1 if index else 0)
        return match.group() if match else b""

    def _comma(self, index: int) -> int:
        """Returns the offset of the comma before the number at a flat index."""
        return int(np.flatnonzero(np.frombuffer(self.text, np.uint8) == ord(","))[index - 1])


def read_numbers(body: bytes, start: int) -> tuple[NumberArray | list[Any] | None, int]:
    """Returns the array of numbers at `start` and the offset after it. An array that is not rectangular becomes lists.

    If there is no such array at `start`, returns None and the offset up to which there is none either.
    """
    begin = _START.match(body, start)
    if begin is None or not begin.group(1):
        return None, start + 1 if begin is None else begin.end()
    array, end = _compiled(body, start)
    if array is not None:
        return array, end
    limit = _limit(body, start)
    end = body.rfind(b"]", start, limit) + 1
    if end - start < SHORTEST:
        return None, limit
    text = body[start:end]
    values = _values(text)
    if values is None:
        return None, limit
    shape = _shape(text, len(values))
    if shape is not None:
        return NumberArray(text, slice(None), values, shape), end
    ragged = _ragged(text)
    return ragged, limit if ragged is None else end


def _compiled(body: bytes, start: int) -> tuple[NumberArray | None, int]:
    """Reads an array with the C extension. Returns the array and the offset after it.

    Returns None if there is no C extension, or if the array is short or has unusual content.
    """
    found = _parse(body, start) if _parse is not None else None
    if found is None or found[0] - start < SHORTEST:
        return None, start
    end, shape, buffer, integral, left = found
    values = np.frombuffer(buffer, np.int64 if integral else np.float64)
    for index, first, behind in np.frombuffer(left, np.intp).reshape(-1, 3).tolist():
        values[index] = number = float(body[first:behind])
        if math.isinf(number):
            return None, start
    return NumberArray(body, slice(start, end), values, tuple(np.frombuffer(shape, np.intp).tolist())), end


def _limit(body: bytes, start: int) -> int:
    """Returns an offset before which an array of numbers must end: the next quotation mark or closing brace."""
    brace = body.find(b"}", start)
    quote = body.find(b'"', start, brace if brace >= 0 else len(body))
    return quote if quote >= 0 else brace if brace >= 0 else len(body)


def _values(text: bytes) -> np.ndarray[Any, Any] | None:
    integral = not (b"." in text or b"e" in text or b"E" in text)
    for kind in "iu" if integral else "d":
        try:
            return _buffer(text, kind)
        except (ValueError, TypeError, OverflowError, RuntimeError):
            continue
    return _with_non_finite(text) if b"N" in text or b"I" in text else None


def _buffer(text: bytes, kind: str) -> np.ndarray[Any, Any]:
    parser = _of_thread.parser if len(text) < _KEPT_PARSER_LIMIT else simdjson.Parser()
    document: Any = parser.parse(text)
    try:
        return np.frombuffer(document.as_buffer(of_type=kind), _DTYPES[kind])
    finally:
        del document  # must be deleted before the parser is used again


def _ragged(text: bytes) -> list[Any] | None:
    """Returns nested lists of numbers, integers as int and doubles as float.

    Returns None if simdjson cannot read the text or it is nested deeply.
    """
    if text.count(b"[") > _MAX_RAGGED:
        return None
    try:
        document: Any = simdjson.Parser().parse(text)
        lists: list[Any] = document.as_list()
    except (ValueError, TypeError, OverflowError, RuntimeError, RecursionError):
        return None
    return lists


def _with_non_finite(text: bytes) -> np.ndarray[Any, Any] | None:
    """Reads numbers that include NaN, Infinity or Inf, which simdjson does not accept.

    These words are replaced by zeros for simdjson, and put into the result afterwards. Blanks around each zero make
    sure that `1NaN` does not become a number. The index of a number is the number of commas before it.
    """
    try:
        values = _buffer(_NON_FINITE.sub(b" 0 ", text), "d").copy()
    except (ValueError, TypeError, OverflowError, RuntimeError):
        return None
    commas = np.flatnonzero(np.frombuffer(text, np.uint8) == ord(","))
    matches = list(_NON_FINITE.finditer(text))
    indexes = np.searchsorted(commas, [match.start() for match in matches])
    if len(commas) + 1 != len(values):  # there is an empty list
        return None
    values[indexes] = [float(match.group()) for match in matches]
    return values


def _shape(text: bytes, count: int) -> tuple[int, ...] | None:
    skeleton = text.translate(None, _NOT_SKELETON)
    shape = (_remembered_shape if len(skeleton) < _MAX_REMEMBERED else _shape_of)(skeleton)
    return None if shape is None or math.prod(shape) != count else shape


def _shape_of(skeleton: bytes) -> tuple[int, ...] | None:
    depth = len(skeleton) - len(skeleton.lstrip(b"["))
    if depth > DEEPEST:
        return None
    shape = _announced_shape(skeleton, depth)
    return shape if shape is not None and skeleton == _skeleton(shape) else None


_remembered_shape = lru_cache(16)(_shape_of)  # clients send the same shapes repeatedly


def _announced_shape(skeleton: bytes, depth: int) -> tuple[int, ...] | None:
    """Returns the shape of the first list of each level, or None if the skeleton's length does not match that shape."""
    shape: list[int] = []
    length = 0  # the length of the skeleton of one element at this level
    for level in range(depth):
        end = skeleton.find(b"]" * (level + 1)) if level + 1 < depth else len(skeleton) - depth
        if end < 0:
            return None
        inside = end + level - (depth - level - 1)  # without the closing brackets, but with one opening bracket
        size, rest = divmod(inside, length + 1)
        if rest:
            return None
        shape.insert(0, size)
        length = inside + 1
    return tuple(shape) if length == len(skeleton) else None


def _skeleton(shape: tuple[int, ...]) -> bytes:
    text = b""
    for size in reversed(shape):
        text = b"[" + (text + b",") * (size - 1) + text + b"]"
    return text
