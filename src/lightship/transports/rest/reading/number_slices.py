"""Reads long arrays of numbers without the C extension: slice by slice, with orjson, so that other threads can run.

A slice ends before a comma, so each number is in one slice with its brackets. With blanks in the place of the brackets,
orjson reads the numbers between the commas; it refuses a slice in which there is not exactly one number for each. The
brackets and commas alone (the *skeleton*) must be exactly those of the shape that the beginning of the text announces.
Together with the check that no number stands before an opening bracket or after a closing one, this proves the shape.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

from lightship.transports.rest.reading.numbers import NumberArray, number_of

SHORTEST = 256  # bytes; for shorter arrays the plain reader is as fast
DEEPEST = 32  # levels of nested lists; numpy's own limit is 64
SLICE = 64 << 10  # bytes; one is read in about a millisecond

_START = re.compile(rb"\[[\[ \t\n\r]*([-0-9NI]?)")
_NUMBER = re.compile(rb"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|NaN|Inf(?:inity)?)")
_WITHOUT_BRACKETS = bytes.maketrans(b"[]", b"  ")
_BLANKS = b" \t\n\r"
# Digits and what else is in numbers become `0`, and letters of words such as NaN become `x`.
_CLASSES = bytes(
    byte if byte in b"[]," else ord("0") if byte in b"0123456789+-.eE" else ord("x") for byte in range(256)
)
_NOT_SKELETON = bytes(set(range(256)) - set(b"[],"))


def read_numbers(body: bytes, start: int) -> tuple[NumberArray | None, int]:
    """Returns the array of numbers at `start` and the offset after it.

    If there is no such array at `start`, returns None and the offset up to which there is none either.
    """
    begin = _START.match(body, start)
    if begin is None or not begin.group(1):
        return None, start + 1 if begin is None else begin.end()
    limit = _limit(body, start)
    end = body.rfind(b"]", start, limit) + 1
    if end - start < SHORTEST:
        return None, limit
    shape = _shape(body, start, end)
    if shape is None:
        return None, limit
    values = _values(body, start, end, math.prod(shape))
    return (None, limit) if values is None else (NumberArray(body, start, end, values, shape), end)


def _limit(body: bytes, start: int) -> int:
    """Returns an offset before which an array of numbers must end: the next quotation mark or brace."""
    limit = len(body)
    for byte in (b"}", b"{", b'"'):
        found = body.find(byte, start, limit)
        limit = limit if found < 0 else found
    return limit


def _shape(body: bytes, start: int, end: int) -> tuple[int, ...] | None:
    skeleton = b"".join(
        body[cut : min(cut + SLICE, end)].translate(None, _NOT_SKELETON) for cut in range(start, end, SLICE)
    )
    depth = len(skeleton) - len(skeleton.lstrip(b"["))
    if depth > DEEPEST:
        return None
    shape = _announced_shape(skeleton, depth)
    return shape if shape is not None and skeleton == _skeleton(shape) else None


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


def _values(body: bytes, start: int, end: int, count: int) -> np.ndarray[Any, Any] | None:
    """Returns the numbers between the commas, or None if anything else is there."""
    slices: list[np.ndarray[Any, Any]] = []
    for text in _slices(body, start, end):
        numbers = _numbers(text)
        if numbers is None:
            return None
        slices.append(np.array(numbers))
        count -= len(numbers)
    return _joined(slices) if count == 0 else None


def _slices(body: bytes, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        cut = end if end - start <= SLICE else body.rfind(b",", start, start + SLICE)
        if cut < 0:  # one very long number
            cut = body.find(b",", start, end)
        cut = end if cut < 0 else cut
        yield body[start:cut]
        start = cut + 1


def _numbers(text: bytes) -> list[int | float] | None:
    classes = text.translate(_CLASSES, _BLANKS)
    if b"0[" in classes or b"x[" in classes or b"][" in classes or b"]0" in classes or b"]x" in classes:
        return None
    text = text.translate(_WITHOUT_BRACKETS)
    if b"x" not in classes:
        try:
            numbers: list[int | float] = orjson.loads(b"[" + text + b"]")
        except ValueError:
            pass
        else:
            return numbers
    return _unusual_numbers(text)


def _unusual_numbers(text: bytes) -> list[int | float] | None:
    """Reads numbers one by one, with NaN and Infinity. Returns None for doubles that are too large."""
    numbers: list[int | float] = []
    for literal in map(bytes.strip, text.split(b",")):
        if not _NUMBER.fullmatch(literal):
            return None
        numbers.append(number := number_of(literal))
        if math.isinf(number) and b"I" not in literal:
            return None
    return numbers


def _joined(slices: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    kinds = {piece.dtype.kind for piece in slices}
    if kinds == {"i", "u"} and all(piece.min() >= 0 for piece in slices):
        return np.concatenate([piece.astype(np.uint64) for piece in slices])
    if len(kinds) > 1:
        return np.concatenate([piece.astype(np.float64) for piece in slices])
    return np.concatenate(slices)
