"""The layout of nested lists in JSON: the texts that open and close a list, and the text between its elements."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from lightship.transports.rest.writing.decimal_digits import Array


class Layout(NamedTuple):
    """The texts of each level. Level 0 is the outermost list of a tensor."""

    opening: tuple[str, ...]
    closing: tuple[str, ...]
    between: tuple[str, ...]

    @property
    def inner(self) -> Layout:
        """The layout of one row."""
        return Layout(self.opening[1:], self.closing[1:], self.between[1:])

    def opened(self, inside: bytes) -> bytes:
        """Returns the text of the outermost list. `inside` is the text between its brackets."""
        return self.opening[0].encode() + inside + self.closing[0].encode()

    def around(self, elements: bytes) -> bytes:
        """Returns the text inside the outermost list, given all elements with their separators."""
        return "".join(self.opening[1:]).encode() + elements + "".join(reversed(self.closing[1:])).encode()


@cache
def on_one_line(levels: int) -> Layout:
    return Layout(("[",) * levels, ("]",) * levels, (", ",) * levels)


@cache
def on_lines(levels: int, indent: int) -> Layout:
    """Returns a layout with each element on its own line. `indent` is the indent of the outermost closing bracket."""
    lines = ["\n" + " " * (indent + 4 * level) for level in range(levels + 1)]
    return Layout(
        tuple(f"[{line}" for line in lines[1:]),
        tuple(f"{line}]" for line in lines[:-1]),
        tuple(f",{line}" for line in lines[1:]),
    )


def rows_of(texts: list[str], shape: tuple[int, ...], layout: Layout) -> list[str]:
    """Returns the text of each index of dimension 0, given the texts of the elements."""
    for level in range(len(shape) - 1, 0, -1):
        opening, between, closing = layout.opening[level], layout.between[level], layout.closing[level]
        size = shape[level]
        if not size:
            texts = ["[]"] * math.prod(shape[:level])
        elif size == len(texts):
            texts = [f"{opening}{between.join(texts)}{closing}"]
        else:
            groups = (texts[start : start + size] for start in range(0, len(texts), size))
            texts = [f"{opening}{between.join(group)}{closing}" for group in groups]
    return texts


def separators(shape: tuple[int, ...], layout: Layout) -> Array:
    """Returns the bytes after each element of a tensor, which must have no empty dimensions. The last one is empty.

    At the end of a list, it is a mark for `with_boundaries`.
    """
    array = np.full(math.prod(shape), layout.between[len(shape) - 1].encode())
    for outer in range(len(shape) - 2, -1, -1):
        period = math.prod(shape[outer + 1 :])
        array[period - 1 :: period] = _mark(outer)
    array[-1] = b""
    return array


def with_boundaries(text: bytes, layout: Layout) -> bytes:
    """Replaces each mark with the text between the last element of one list and the first element of the next."""
    levels = len(layout.opening)
    for outer in range(levels - 1):
        inner = range(outer + 1, levels)
        closing = "".join(layout.closing[level] for level in reversed(inner))
        opening = "".join(layout.opening[level] for level in inner)
        text = text.replace(_mark(outer), f"{closing}{layout.between[outer]}{opening}".encode())
    return text


def _mark(outer: int) -> bytes:
    """Returns the mark between two elements of the list at level `outer`. It is not an ASCII byte."""
    return bytes([0x80 + outer])
