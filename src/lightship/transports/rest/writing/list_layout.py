"""How nested lists are laid out in JSON text: what opens and closes a list and what stands between its elements."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from lightship.transports.rest.writing.decimal_digits import Array


class Layout(NamedTuple):
    """Texts by level; level 0 is the outermost list of a tensor."""

    opening: tuple[str, ...]
    closing: tuple[str, ...]
    between: tuple[str, ...]

    @property
    def inner(self) -> Layout:
        """That of one row."""
        return Layout(self.opening[1:], self.closing[1:], self.between[1:])

    def opened(self, inside: bytes) -> bytes:
        """The text of the outermost list."""
        return self.opening[0].encode() + inside + self.closing[0].encode()

    def around(self, elements: bytes) -> bytes:
        """Elements with their separators become the inside of the outermost list."""
        return "".join(self.opening[1:]).encode() + elements + "".join(reversed(self.closing[1:])).encode()


@cache
def on_one_line(levels: int) -> Layout:
    return Layout(("[",) * levels, ("]",) * levels, (", ",) * levels)


@cache
def on_lines(levels: int, indent: int) -> Layout:
    """Each element on a line of its own; `indent`: blanks before the closing bracket of the outermost list."""
    lines = ["\n" + " " * (indent + 4 * level) for level in range(levels + 1)]
    return Layout(
        tuple(f"[{line}" for line in lines[1:]),
        tuple(f"{line}]" for line in lines[:-1]),
        tuple(f",{line}" for line in lines[1:]),
    )


def rows_of(texts: list[str], shape: tuple[int, ...], layout: Layout) -> list[str]:
    """The text of each index of dimension 0, from those of the elements."""
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
    """What stands behind each element of a tensor without empty dimensions, as bytes; nothing behind the last.

    Where lists end, it is a mark for `with_boundaries`.
    """
    array = np.full(math.prod(shape), layout.between[len(shape) - 1].encode())
    for outer in range(len(shape) - 2, -1, -1):
        period = math.prod(shape[outer + 1 :])
        array[period - 1 :: period] = _mark(outer)
    array[-1] = b""
    return array


def with_boundaries(text: bytes, layout: Layout) -> bytes:
    """The marks replaced by the text from the last element of one list to the first of the next."""
    levels = len(layout.opening)
    for outer in range(levels - 1):
        inner = range(outer + 1, levels)
        closing = "".join(layout.closing[level] for level in reversed(inner))
        opening = "".join(layout.opening[level] for level in inner)
        text = text.replace(_mark(outer), f"{closing}{layout.between[outer]}{opening}".encode())
    return text


def _mark(outer: int) -> bytes:
    """Stands for the boundary between two elements of the list at level `outer`; no byte of ASCII."""
    return bytes([0x80 + outer])
