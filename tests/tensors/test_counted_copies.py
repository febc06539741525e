"""Tensors as bytes count the memory that they take besides the body, and no more."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lightship.errors import TooLarge
from lightship.memory_budget import MemoryBudget
from lightship.tensors.dtypes import DataType
from lightship.tensors.npy import read_npy
from lightship.tensors.npz import read_npz
from lightship.tensors.raw import read_raw

COUNT = 50_000
BYTES = 4 * COUNT


def npy(dtype: str) -> bytes:
    file = io.BytesIO()
    np.save(file, np.ones(COUNT, dtype))
    return file.getvalue()


def npz(shift: int) -> bytes:
    """An archive whose array begins `shift` bytes behind the place that fits its alignment."""
    for name in ("a" * length for length in range(1, 9)):
        file = io.BytesIO()
        np.savez(file, allow_pickle=True, **{name: np.ones(COUNT, np.float32)})
        body = file.getvalue()
        array = read_npz(body, 1)[name]
        place = body.index(np.ones(4, np.float32).tobytes())
        address = np.frombuffer(body, np.uint8).ctypes.data + place
        if address % 4 == shift:
            assert array.size == COUNT
            return body
    raise AssertionError("no name has the right length")


def held(read: Any, size: int) -> int:
    """What is counted after reading with a budget of `size` bytes."""
    with MemoryBudget(size).reservation() as memory:
        result: NDArray[Any] | dict[str, NDArray[Any]] = read(memory)
        arrays = list(result.values()) if isinstance(result, dict) else [result]
        assert all((array == 1).all() for array in arrays)
        return memory.held


def test_views_count_nothing() -> None:
    assert held(lambda memory: read_npy(memoryview(npy("<f4")), memory), 1) == 0
    body = np.ones(COUNT, "<f4").tobytes()
    assert held(lambda memory: read_raw(body, "float32", str(COUNT), "x", DataType.DT_FLOAT, memory), 1) == 0
    aligned = npz(0)
    assert held(lambda memory: read_npz(aligned, 1, memory), 1) == 0


def test_copies_are_counted_before_they_are_made() -> None:
    reversed_, unaligned = memoryview(npy(">f4")), npz(1)
    assert held(lambda memory: read_npy(reversed_, memory), 1 << 20) == BYTES
    assert held(lambda memory: read_npz(unaligned, 1, memory), 1 << 20) == BYTES
    for read in (lambda memory: read_npy(reversed_, memory), lambda memory: read_npz(unaligned, 1, memory)):
        with pytest.raises(TooLarge):
            held(read, BYTES - 1)
