"""Bytes, dtypes and shapes."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from lightship.errors import InvalidArgument
from lightship.tensors.dtypes import DataType
from lightship.tensors.raw import (
    check_numeric,
    dtype_name,
    parse_shape,
    read_raw,
    shape_text,
    view,
    write_raw,
)


@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (1, 160, 160, 3)])
def test_shapes_are_read_as_they_are_written(shape: tuple[int, ...]) -> None:
    assert parse_shape(shape_text(shape)) == shape


@pytest.mark.parametrize("text", ["1,2", "[1,2]", " 1 , 2 ", "1,2,"])
def test_shapes_may_be_written_in_a_few_ways(text: str) -> None:
    assert parse_shape(text) == (1, 2)


@pytest.mark.parametrize("text", ["1,,2", "1.5", "-1", "1;2", "x" * 1000, "١", "1" * 20, "(1,2)"])
def test_what_is_no_shape_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="is not a shape") as raised:
        parse_shape(text)
    assert len(raised.value.message) < 250


@pytest.mark.parametrize(
    "dtype",
    [
        *(DataType.DT_FLOAT, DataType.DT_DOUBLE, DataType.DT_HALF, DataType.DT_BFLOAT16, DataType.DT_FLOAT8_E5M2),
        *(DataType.DT_INT8, DataType.DT_INT64, DataType.DT_UINT8, DataType.DT_UINT64, DataType.DT_COMPLEX128),
    ],
)
def test_numbers_come_back_bit_for_bit(dtype: DataType) -> None:
    array = np.array([[0, 1, 2], [3, 4, 5]]).astype(dtype.numpy)
    read = read_raw(write_raw(array), dtype_name(dtype), "2,3", "x", dtype)
    assert read.dtype == array.dtype
    assert read.tobytes() == array.tobytes()


def test_bytes_are_little_endian() -> None:
    assert write_raw(np.array([1], ">i4")) == b"\x01\0\0\0"
    assert read_raw(b"\x01\0\0\0", "int32", "1", "x", DataType.DT_INT32).tolist() == [1]


def test_an_array_is_a_view_of_what_came() -> None:
    body = np.arange(1000, dtype=np.float32).tobytes()
    assert np.shares_memory(view(body, np.dtype(np.float32), (10, 100)), np.frombuffer(body, np.uint8))


@pytest.mark.parametrize("dtype", [DataType.DT_STRING, DataType.DT_RESOURCE, DataType.DT_QINT8, DataType.DT_INVALID])
def test_what_has_no_place_is_refused(dtype: DataType) -> None:
    with pytest.raises(InvalidArgument, match='input "x" is of dtype'):
        check_numeric("x", dtype, "input")


def test_names_are_numpys() -> None:
    assert [dtype_name(one) for one in (DataType.DT_HALF, DataType.DT_BOOL)] == ["float16", "bool"]
    assert dtype_name(DataType.DT_BFLOAT16) == np.dtype(ml_dtypes.bfloat16).name
