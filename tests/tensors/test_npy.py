"""Files as numpy writes them, and files that claim what is not so."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lightship.errors import InvalidArgument
from lightship.tensors.npy import read_npy, write_npy


def saved(array: NDArray[Any], version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version, allow_pickle=True)
    return file.getvalue()


def file_of(header: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + data


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 3), (1, 2, 3, 4)])
def test_every_format_and_shape_is_read(version: tuple[int, int], shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    read = read_npy(memoryview(saved(array, version)))
    assert (read.dtype, read.shape) == (array.dtype, shape)
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "c8", "c16"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_dtype_is_read_in_either_byte_order(dtype: str, order: str) -> None:
    array = np.array([[0, 1], [1, 0]]).astype(order + dtype)
    read = read_npy(memoryview(saved(array)))
    assert read.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(read, array)


def test_an_array_in_fortran_order_is_read_right() -> None:
    array = np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3))
    np.testing.assert_array_equal(read_npy(memoryview(saved(array))), array)


def test_the_array_is_a_view_of_the_file() -> None:
    file = saved(np.arange(1000, dtype=np.float32))
    read = read_npy(memoryview(file))
    assert np.shares_memory(read, np.frombuffer(file, np.uint8))


def test_what_is_written_numpy_reads() -> None:
    for array in (np.float32(2.5), np.zeros((0, 3), np.int64), np.asfortranarray(np.arange(6.0).reshape(2, 3))):
        read = np.load(io.BytesIO(write_npy(np.asarray(array))), allow_pickle=False)
        np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize(
    ("header", "size", "text"),
    [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}", 4, "4000000000000 bytes, not 4"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 4, "has 8 bytes, not 4"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 9, "has 8 bytes, not 9"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9000000000000000000)}", 0, "empty tensor"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1," * 33 + ")}", 4, "33 dimensions"),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", 8, "'|O'; only numbers and booleans"),
        ("{'descr': '<U3', 'fortran_order': False, 'shape': (1,)}", 12, "'<U3'; only numbers and booleans"),
        ("{'descr': '|S3', 'fortran_order': False, 'shape': (1,)}", 3, "'|S3'; only numbers and booleans"),
        ("{'descr': '<f5', 'fortran_order': False, 'shape': (1,)}", 5, "'<f5', which numpy does not have"),
        ("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,)}", 4, "cannot be read"),
        ("{'descr': '|b1', 'fortran_order': False, 'shape': (1,)}\x02", 0, "cannot be read"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': 1}", 4, "cannot be read"),
        ("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", 4, "cannot be read"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", 4, "cannot be read"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,,2)}", 4, "cannot be read"),
        ("{'descr': '<f4', 'descr': '<f4', 'shape': (1,)}", 4, "cannot be read"),
        ("{'descr': True, 'fortran_order': False, 'shape': (1,)}", 1, "cannot be read"),
        ("{'descr': '<f4', 'shape': (1,)}", 4, "must have descr, fortran_order and shape"),
        ("__import__('os').abort()", 0, "cannot be read"),
        ("(" * 9000, 0, "cannot be read"),
        ("{" + " " * 9990 + "}", 0, "must have"),
        ("{}" + " " * 20_000, 0, "at most"),
        ("", 0, "cannot be read"),
    ],
)
def test_what_a_file_may_not_hold_is_named(header: str, size: int, text: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        read_npy(memoryview(file_of(header, b"\0" * size)))
    assert text in raised.value.message


def test_a_bool_that_is_none_is_refused() -> None:
    header = "{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}"
    with pytest.raises(InvalidArgument, match="0 or 1"):
        read_npy(memoryview(file_of(header, b"\x01\x02")))


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (b"", "it is empty"),
        (b"{}", "not a .npy file"),
        (b"\x93NUMPY", "format"),
        (b"\x93NUMPY\x04\x00", "format 4.0"),
        (b"\x93NUMPY\x01\x00", "header"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}", "4294967295"),
        (saved(np.array([object()], dtype=object).astype(str).astype(object)), "numbers and booleans"),
    ],
)
def test_what_is_no_file_is_named(file: bytes, text: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        read_npy(memoryview(file))
    assert text in raised.value.message


@given(st.binary(max_size=60), st.integers(0, 130))
def test_damaged_files_are_read_or_refused(noise: bytes, place: int) -> None:
    whole = saved(np.arange(4, dtype=np.float32))
    damaged = whole[:place] + noise + whole[place + len(noise) :]
    with contextlib.suppress(InvalidArgument):
        assert read_npy(memoryview(damaged)).nbytes <= len(damaged)
