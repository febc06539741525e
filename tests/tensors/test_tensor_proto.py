"""TensorProto -> array, held against TensorFlow's own reading."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lightship import protos
from lightship.errors import InvalidArgument
from lightship.tensors.dtypes import DataType
from lightship.tensors.tensor_proto import array_of


def tensor(dtype: DataType, shape: list[int], **fields: Any) -> Any:
    made = protos.TensorProto(dtype=int(dtype), **fields)
    for size in shape:
        made.tensor_shape.dim.add(size=size)
    return made


TYPED: dict[str, dict[str, Any]] = {
    "float32": {"float_val": [0.5, 1]},
    "float64": {"double_val": [0.5, 1]},
    "int32": {"int_val": [-1, 1]},
    "int16": {"int_val": [-1, 1]},
    "int8": {"int_val": [-1, 1]},
    "uint16": {"int_val": [0, 65535]},
    "uint8": {"int_val": [0, 255]},
    "int64": {"int64_val": [-(2**63), 1]},
    "uint32": {"uint32_val": [0, 2**32 - 1]},
    "uint64": {"uint64_val": [0, 2**64 - 1]},
    "bool": {"bool_val": [True, False]},
    "complex64": {"scomplex_val": [1, 2, 3, 4]},
    "complex128": {"dcomplex_val": [1, 2, 3, 4]},
    "float16": {"half_val": [0x3C00, 0xC000]},
    "bfloat16": {"half_val": [0x3F80, 0xC000]},
    "float8_e5m2": {"float8_val": b"\x3c\xc0"},
    "float8_e4m3fn": {"float8_val": b"\x38\xc0"},
    "object": {"string_val": [b"a", b"\xff"]},
}


@pytest.mark.tensorflow
@pytest.mark.parametrize("dtype", TYPED)
def test_typed_values_are_read_as_tensorflow_reads_them(dtype: str) -> None:
    import tensorflow as tf
    from tensorflow.core.framework.tensor_pb2 import TensorProto

    type_ = DataType(tf.as_dtype("string" if dtype == "object" else dtype).as_datatype_enum)
    made = tensor(type_, [1, 2], **TYPED[dtype])
    read, expected = array_of(made), tf.make_ndarray(TensorProto.FromString(made.SerializeToString()))
    assert (read.dtype, read.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(read, expected)


@pytest.mark.tensorflow
@pytest.mark.parametrize("dtype", [dtype for dtype in TYPED if dtype != "object"])
def test_content_is_read_as_tensorflow_wrote_it(dtype: str) -> None:
    import tensorflow as tf

    array = np.array([[0, 1, 2], [3, 1, 0]]).astype(tf.as_dtype(dtype).as_numpy_dtype)
    written = tf.make_tensor_proto(array)
    read = array_of(protos.TensorProto.FromString(written.SerializeToString()))
    assert (read.dtype, read.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(read, array)


def test_any_byte_but_zero_is_true() -> None:
    read = array_of(tensor(DataType.DT_BOOL, [4], tensor_content=b"\x00\x01\x80\xff"))
    assert read.tobytes() == b"\x00\x01\x01\x01"


@pytest.mark.tensorflow
@pytest.mark.parametrize("sizes", [[], [3], [0], [2, 0], [-1]])
@pytest.mark.parametrize("unknown_rank", [False, True])
@pytest.mark.parametrize(
    "values", [{}, {"float_val": [1, 2, 3]}, {"tensor_content": b"1234"}, {"tensor_content": b"1"}]
)
def test_shapes_are_read_as_by_tensorflow(sizes: list[int], unknown_rank: bool, values: dict[str, Any]) -> None:
    import tensorflow as tf

    message = tensor(DataType.DT_FLOAT, sizes, **values)
    message.tensor_shape.unknown_rank = unknown_rank
    try:
        wanted = tf.io.parse_tensor(message.SerializeToString(), tf.float32).numpy()
    except tf.errors.InvalidArgumentError:
        with pytest.raises(InvalidArgument):
            array_of(message)
    else:
        np.testing.assert_array_equal(array_of(message), wanted, strict=True)


def test_fewer_values_are_repeated_more_are_left_out_none_are_zeros() -> None:
    assert array_of(tensor(DataType.DT_FLOAT, [4], float_val=[1, 2])).tolist() == [1, 2, 2, 2]
    assert array_of(tensor(DataType.DT_FLOAT, [2], float_val=[1, 2, 3])).tolist() == [1, 2]
    assert array_of(tensor(DataType.DT_FLOAT, [2, 1])).tolist() == [[0], [0]]
    assert array_of(tensor(DataType.DT_STRING, [2])).tolist() == [b"", b""]
    assert array_of(tensor(DataType.DT_STRING, [3], string_val=[b"a", b"b"])).tolist() == [b"a", b"b", b"b"]
    assert array_of(tensor(DataType.DT_FLOAT, [0, 3], float_val=[1])).shape == (0, 3)


def test_a_scalar_and_an_unknown_rank() -> None:
    assert array_of(tensor(DataType.DT_INT64, [], int64_val=[7])).tolist() == 7
    unknown = tensor(DataType.DT_INT64, [], int64_val=[7])
    unknown.tensor_shape.unknown_rank = True
    assert array_of(unknown).shape == ()


def test_narrow_types_wrap() -> None:
    assert array_of(tensor(DataType.DT_INT8, [1], int_val=[300])).tolist() == [44]


def test_strings_in_content() -> None:
    long = b"x" * 300
    content = bytes([1, 0, 0xAC, 2]) + b"a" + long
    assert array_of(tensor(DataType.DT_STRING, [3], tensor_content=content)).tolist() == [b"a", b"", long]


@pytest.mark.parametrize(
    "broken",
    [
        tensor(DataType.DT_INVALID, [1]),
        tensor(DataType.DT_RESOURCE, [1]),
        protos.TensorProto(dtype=99),
        tensor(DataType.DT_FLOAT, [-1], float_val=[1]),
        tensor(DataType.DT_FLOAT, [1] * 33, float_val=[1]),
        tensor(DataType.DT_FLOAT, [2**40], float_val=[1]),
        tensor(DataType.DT_FLOAT, [2**62, 2**62], float_val=[1]),
        tensor(DataType.DT_FLOAT, [2], tensor_content=b"1234"),
        tensor(DataType.DT_STRING, [2], tensor_content=b"\x01"),
        tensor(DataType.DT_STRING, [1], tensor_content=b"\x05a"),
        tensor(DataType.DT_STRING, [1], tensor_content=b"\xff" * 20),
    ],
)
def test_what_is_no_tensor_is_refused(broken: Any) -> None:
    with pytest.raises(InvalidArgument):
        array_of(broken)
