"""One graph of the suite, and the values that it is asked with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Shape = list[int | None]
Input = tuple[str, str, Shape]

TYPES = {"float": "float32", "int32": "int32", "int64": "int64", "bool": "bool", "uint8": "uint8", "int8": "int8"}

_FLOATS = (0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e-6, -88.0, 100.0, 1e30, -3e38, 3e9)
_NON_FINITE = (np.nan, np.inf, -np.inf)
_SMALL = (0, 1, 2, 3, -1, -7, 100, 1000)
_LARGE = (2**24 - 1, 2**24, 2**24 + 1, -(2**24) - 1, 123456789, 2**31 - 1, -(2**31))
_BYTES = (0, 1, 2, 127, 5, 100)
_WORDS = ("", "red", "green films", "  a b\tc ", "x,y,,z", "Red!", "it's", "[a] {b} -c_d", "1 22 333")
_ODD_TEXTS = (
    *("\n", "\x00", "a\x00b", "ÄÖ straße", "日本 語", "\u00a0x\u2003y", "\x0b\x0c\r\x1c\x85", "İI", "é", "😀 😀"),
    *(b"\xff\xfe a", b"\xc3", b"a\xa0b", "a" * 300, "word " * 50),
)


@dataclass(frozen=True)
class Graph:
    """A graph with one operation in question, or several, for a composition.

    types, attributes: of the entry that it proves. build: TensorFlow's module and the inputs to an output. fixed:
    values of an input that are not to be chosen freely, such as indices.
    """

    op: str
    types: Mapping[str, str]
    attributes: Mapping[str, Any]
    inputs: Sequence[Input]
    build: Callable[..., Any]
    fixed: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    positive: bool = False

    def samples(self) -> Iterator[tuple[str, dict[str, NDArray[Any]]]]:
        """Values for its inputs, and their kind: usual, zeros, negative, repeated, edges, non-finite, large, empty."""
        rng = np.random.default_rng(0)
        kinds = ("usual", "usual", "zeros", "negative", "repeated", "edges", "non-finite", "large", "beyond", "empty")
        for turn, kind in enumerate(kinds):
            for rows in (1, 2, 5) if kind == "usual" else ((0,) if kind == "empty" else (2,)):
                if rows == 0 and not any(shape and shape[0] is None for _, _, shape in self.inputs):
                    continue
                yield (
                    kind,
                    {
                        name: self._values(name, dtype, shape, kind, rows, turn, rng)
                        for name, dtype, shape in self.inputs
                    },
                )

    def _values(
        self, name: str, dtype: str, shape: Shape, kind: str, rows: int, turn: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        if name in self.fixed:
            chosen = self.fixed[name][turn % len(self.fixed[name])]
            return np.asarray(chosen, object if dtype == "string" else dtype)
        sizes = tuple((rows if axis == 0 else 3) if size is None else size for axis, size in enumerate(shape))
        values = _of_kind(kind, dtype, sizes, rng)
        return np.abs(values) if self.positive and dtype == "float32" else values


def _of_kind(kind: str, dtype: str, sizes: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    if dtype == "bool":
        return rng.integers(0, 2, sizes).astype(bool)
    if dtype == "string":
        return _texts(kind, sizes, rng)
    if kind == "zeros":
        return np.zeros(sizes, dtype)
    if kind == "repeated":
        return np.full(sizes, 3, dtype)
    if dtype in ("uint8", "int8"):
        return rng.choice(_BYTES, sizes).astype(dtype)
    if dtype == "float32":
        pool = {"edges": _FLOATS, "large": _FLOATS, "non-finite": (*_NON_FINITE, 1.0, -2.0)}.get(kind)
        if pool is not None:
            return rng.choice(pool, sizes).astype(dtype)
        values = rng.permutation(np.linspace(-4.1, 4.3, max(int(np.prod(sizes)), 1)))[: int(np.prod(sizes))]
        return (-np.abs(values) if kind == "negative" else values).reshape(sizes).astype(dtype)
    pool_of_integers: Sequence[int] = {
        "large": _LARGE,
        "edges": (*_SMALL, 2**24),
        "beyond": (2**31, -(2**40), 2**33 + 5) if dtype == "int64" else _LARGE,
    }.get(kind, _SMALL)
    values = rng.choice(np.asarray(pool_of_integers, np.int64), sizes)
    return (-np.abs(values) if kind == "negative" else values).astype(dtype)


def _texts(kind: str, sizes: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    pool = {"zeros": ("",), "repeated": ("red",), "usual": _WORDS, "negative": _WORDS}.get(kind, _ODD_TEXTS)
    chosen = [pool[index] for index in rng.integers(0, len(pool), int(np.prod(sizes)))]
    array = np.empty(len(chosen), object)
    array[:] = [one.encode() if isinstance(one, str) else one for one in chosen]
    return array.reshape(sizes)
