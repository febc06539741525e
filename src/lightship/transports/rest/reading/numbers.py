"""Long arrays of numbers, read straight into numpy: by our own few lines of C where they were built, else by simdjson.

The C (`number_array.c`) proves the shape while it reads, and leaves to the other way what is not plain.

simdjson flattens ragged lists silently, so the shape is proved apart: the text's brackets and commas alone (its
*skeleton*) must be exactly those of the one shape that its beginning announces, and the numbers must be as many as that
shape holds. In valid JSON without strings and objects, that leaves no other reading.
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

SHORTEST = 256  # bytes; below this the plain reader is as quick
DEEPEST = 32  # lists in lists; numpy's own limit is 64
_MOST_RAGGED = 1 << 23  # lists; the complete reader's own limit
_KEPT_PARSER_LIMIT = 8 << 20  # bytes; a parser keeps the buffers of its largest text, so larger ones get their own

_START = re.compile(rb"\[[\[ \t\n\r]*([-0-9NI]?)")
_NUMBER = re.compile(rb"-?(?:[0-9][-+.0-9eE]*|NaN|Inf(?:inity)?)")
_NON_FINITE = re.compile(rb"-?(?:NaN|Inf(?:inity)?)")
_FRACTION = re.compile(rb"[.eENI]")
_MOST_REMEMBERED = 1 << 20  # bytes of a skeleton
_NOT_SKELETON = bytes(set(range(256)) - set(b"[],"))
_DTYPES = {"d": np.float64, "i": np.int64, "u": np.uint64}


class _ThreadParser(threading.local):
    """A parser for each thread: it must not be used again while a document of it lives."""

    def __init__(self) -> None:
        self.parser = simdjson.Parser()


_of_thread = _ThreadParser()


class NumberArray:
    """A rectangular array of JSON numbers.

    `values`: flat; int64 or uint64 if every number is an integer literal (`integral`), else float64.
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
        """The JSON."""
        return self._body[self._place]

    def first_fraction(self) -> int:
        """Index of the first number that is not an integer literal."""
        text = self.text
        match = _FRACTION.search(text)
        return text.count(b",", 0, match.start()) if match else len(self.values)

    def integers_before(self, index: int) -> np.ndarray[Any, Any]:
        """The numbers before a flat index, all of them integer literals, as such; doubles if one is beyond 64 bits."""
        text = self.text[: self._comma(index)].translate(None, b"[]") if index else b""
        values = _values(b"[" + text + b"]") if text else None
        return self.values[:index] if values is None else values

    def number_text(self, index: int) -> bytes:
        """How the client wrote the number at a flat index."""
        match = _NUMBER.search(self.text, self._comma(index) + 1 if index else 0)
        return match.group() if match else b""

    def _comma(self, index: int) -> int:
        """Where the comma before the number at a flat index stands."""
        return int(np.flatnonzero(np.frombuffer(self.text, np.uint8) == ord(","))[index - 1])


def read_numbers(body: bytes, start: int) -> tuple[NumberArray | list[Any] | None, int]:
    """The array of numbers that begins at `start`, and the offset behind it; lists if it is not rectangular.

    Without such an array there: None, and the offset up to which it is no use to try again.
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
    """An array and the offset behind it, by the C; None if there is no C or the array is short or not plain."""
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
    """An array of numbers ends before the next quotation mark and the next closing brace."""
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
        del document  # before the parser's next use


def _ragged(text: bytes) -> list[Any] | None:
    """Lists of numbers, integers apart from doubles; None for what simdjson does not read or nests deeply."""
    if text.count(b"[") > _MOST_RAGGED:
        return None
    try:
        document: Any = simdjson.Parser().parse(text)
        lists: list[Any] = document.as_list()
    except (ValueError, TypeError, OverflowError, RuntimeError, RecursionError):
        return None
    return lists


def _with_non_finite(text: bytes) -> np.ndarray[Any, Any] | None:
    """NaN, Infinity and Inf are no JSON for simdjson: it reads zeros in their place, then they are put back.

    Blanks around each zero keep `1NaN` from becoming a number. The index of a number is that of the commas before it.
    """
    try:
        values = _buffer(_NON_FINITE.sub(b" 0 ", text), "d").copy()
    except (ValueError, TypeError, OverflowError, RuntimeError):
        return None
    commas = np.flatnonzero(np.frombuffer(text, np.uint8) == ord(","))
    matches = list(_NON_FINITE.finditer(text))
    indexes = np.searchsorted(commas, [match.start() for match in matches])
    if len(commas) + 1 != len(values):  # an empty list somewhere
        return None
    values[indexes] = [float(match.group()) for match in matches]
    return values


def _shape(text: bytes, count: int) -> tuple[int, ...] | None:
    skeleton = text.translate(None, _NOT_SKELETON)
    shape = (_remembered_shape if len(skeleton) < _MOST_REMEMBERED else _shape_of)(skeleton)
    return None if shape is None or math.prod(shape) != count else shape


def _shape_of(skeleton: bytes) -> tuple[int, ...] | None:
    depth = len(skeleton) - len(skeleton.lstrip(b"["))
    if depth > DEEPEST:
        return None
    shape = _announced_shape(skeleton, depth)
    return shape if shape is not None and skeleton == _skeleton(shape) else None


_remembered_shape = lru_cache(16)(_shape_of)  # clients send the same shapes over and over


def _announced_shape(skeleton: bytes, depth: int) -> tuple[int, ...] | None:
    """The shape that the first list of each level has, if the skeleton is as long as one of that shape."""
    shape: list[int] = []
    length = 0  # of the skeleton of one element at this level
    for level in range(depth):
        end = skeleton.find(b"]" * (level + 1)) if level + 1 < depth else len(skeleton) - depth
        if end < 0:
            return None
        inside = end + level - (depth - level - 1)  # brackets excluded on the right, one included on the left
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
