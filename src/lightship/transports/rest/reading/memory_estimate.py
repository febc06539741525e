"""Estimates how much memory reading a JSON document may take, before it is read."""

from __future__ import annotations

from typing import NamedTuple

from lightship.transports.rest.reading import extension
from lightship.transports.rest.reading.number_slices import SLICE

_SLICE = 1 << 20  # bytes that are searched while other threads of the interpreter wait

_ALWAYS = 16 << 10
_PER_VALUE = 56  # a number, its place in a list, and its element of a tensor
_PER_LIST = 128  # with room for its first elements
_PER_OBJECT = 384
_PER_QUOTE = 128  # half of a string, and half of the member of an object that it may name
_PER_ASCII_BYTE = 3  # of strings: the string, the parts that it is joined from, and its bytes
_PER_SLICED_BYTE = 20  # of the slice of numbers that is read at a time without C: each number has objects of its own
_PER_BYTE = 16  # of a body with strings in which one character may make all others take four bytes


class Counts(NamedTuple):
    commas: int
    lists: int
    objects: int
    quotes: int
    # Bytes between quotation marks, as if none of the marks was escaped.
    text: int
    # Whether there are only ASCII characters and no backslashes.
    plain: bool


def estimate_memory(body: bytes) -> int:
    """Returns how many bytes reading `body` may take at most, besides the body.

    This includes the tensors. It is two to six times too much for rectangular lists of numbers, because the same
    characters in another order would make lists of single numbers.
    """
    without_c = extension.native is None
    counts = _counts(body) if without_c else _native_counts(body)
    return (
        _ALWAYS
        + (_PER_SLICED_BYTE * min(len(body), SLICE) if without_c else 0)
        + _PER_VALUE * counts.commas
        + _PER_LIST * counts.lists
        + _PER_OBJECT * counts.objects
        + _PER_QUOTE * counts.quotes
        + (_PER_ASCII_BYTE * counts.text if counts.plain else _PER_BYTE * len(body))
    )


def _native_counts(body: bytes) -> Counts:
    assert extension.native is not None
    return Counts(*extension.native.count(body))


def _counts(body: bytes) -> Counts:
    parts = [body[start : start + _SLICE] for start in range(0, len(body), _SLICE)]
    commas, lists, objects, quotes, backslashes = (
        sum(part.count(byte) for part in parts) for byte in (b",", b"[", b"{", b'"', b"\\")
    )
    plain = not backslashes and all(map(bytes.isascii, parts))
    return Counts(commas, lists, objects, quotes, _text_size(parts), plain)


def _text_size(parts: list[bytes]) -> int:
    size, inside = 0, 0
    for part in parts:
        for index, text in enumerate(part.split(b'"')):
            inside ^= index > 0
            size += inside * len(text)
    return size
