"""What a kernel is: one operation of TensorFlow, computed with numpy."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import CannotRun
from lightship.errors import ResourceExhausted
from lightship.tensors.dtypes import DataType

# Takes the operands and returns the outputs. A lookup table is passed as a dict. Raises InvalidArgument for values that
# TensorFlow refuses, and CannotRun for values that only TensorFlow can treat.
Run = Callable[..., tuple[Any, ...]]
# Takes the attributes of a node and returns what runs it. Raises CannotRun for attributes that it does not support.
Kernel = Callable[["Attributes"], Run]

INTEGERS = frozenset({DataType.DT_INT32, DataType.DT_INT64})
NUMBERS = frozenset({*INTEGERS, DataType.DT_BOOL, DataType.DT_FLOAT})
ANY = frozenset({*NUMBERS, DataType.DT_STRING})

# The most elements of one tensor. A few long rows among many empty ones would take all memory.
MAX_ELEMENTS = 1 << 26


class Attributes:
    """The attributes of a node. Those that a graph leaves out have their defaults."""

    def __init__(self, op: str, values: Mapping[str, Any]) -> None:
        self.op, self._values = op, values

    def type(self, name: str, allowed: frozenset[DataType], default: DataType = DataType.DT_INVALID) -> DataType:
        """Returns a type. Raises CannotRun if it is none of those allowed."""
        dtype = DataType(self._values[name].type) if name in self._values else default
        if dtype not in allowed:
            raise CannotRun(f"{self.op} of {dtype.label} is not run without TensorFlow")
        return dtype

    def types(self, name: str) -> list[DataType]:
        return [DataType(one) for one in self._values[name].list.type]

    def integer(self, name: str, default: int = 0) -> int:
        return int(self._values[name].i) if name in self._values else default

    def flag(self, name: str, default: bool = False) -> bool:
        return bool(self._values[name].b) if name in self._values else default

    def text(self, name: str, default: bytes = b"") -> bytes:
        return bytes(self._values[name].s) if name in self._values else default

    def texts(self, name: str) -> list[bytes]:
        return [bytes(one) for one in self._values[name].list.s]

    def integers(self, name: str) -> list[int]:
        return [int(one) for one in self._values[name].list.i] if name in self._values else []

    def floats(self, name: str) -> list[float]:
        return [float(one) for one in self._values[name].list.f]

    def shapes(self, name: str) -> list[tuple[int, ...] | None]:
        """Returns shapes, with -1 for a free dimension and None for an unknown rank."""
        shapes = self._values[name].list.shape if name in self._values else []
        return [None if one.unknown_rank else tuple(int(dim.size) for dim in one.dim) for one in shapes]

    def refuse(self, what: str) -> CannotRun:
        return CannotRun(f"{self.op} {what} is not run without TensorFlow")


def check_size(shape: Sequence[int]) -> None:
    """Raises ResourceExhausted if a tensor of this shape has more than `MAX_ELEMENTS` elements."""
    if math.prod(shape) > MAX_ELEMENTS:
        raise ResourceExhausted(
            f"a tensor of shape {list(shape)} is needed, which has more than {MAX_ELEMENTS:,} elements; "
            "send fewer rows, or rows of similar lengths"
        )


def strings_like(values: list[bytes], shape: tuple[int, ...]) -> NDArray[Any]:
    """Returns an array of bytes. numpy alone would make one of another kind of some lists."""
    array = np.empty(len(values), object)
    array[:] = values
    return array.reshape(shape)
