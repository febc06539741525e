"""`make_ndarray` against TensorFlow's own: the same arrays, there and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as official
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from tests.compat.tensor_values import ADDED, TYPES

from lightship import protos
from lightship.compat import tensorflow as tf

TEXTS = st.one_of(st.binary(max_size=5), st.text(max_size=5))


def of_bytes(dtype: np.dtype[Any], data: NDArray[np.uint8]) -> NDArray[Any]:
    return np.repeat(data, dtype.itemsize).view(dtype)


def same(left: NDArray[Any], right: NDArray[Any]) -> bool:
    if (left.shape, left.dtype) != (right.shape, right.dtype):
        return False
    return left.tolist() == right.tolist() if left.dtype == object else left.tobytes() == right.tobytes()


ARRAYS = st.one_of(
    [
        arrays.arrays(name, arrays.array_shapes(min_dims=0, min_side=0, max_dims=3))
        for name in TYPES
        if name != "bfloat16"
    ]
    + [
        arrays.arrays(np.uint8, st.integers(0, 6)).map(
            lambda bits, dtype=dtype: bits.repeat(dtype.itemsize).view(dtype)
        )
        for dtype in ADDED.values()
    ]
    + [arrays.arrays(object, arrays.array_shapes(min_dims=0), elements=TEXTS)]
)


@settings(max_examples=300, deadline=None)
@given(ARRAYS)
def test_any_array_goes_there_and_back_as_with_tensorflow(array: NDArray[Any]) -> None:
    theirs = official.make_tensor_proto(array)
    written = tf.make_tensor_proto(array).SerializeToString(deterministic=True)
    assert written == theirs.SerializeToString(deterministic=True)
    back = tf.make_ndarray(protos.TensorProto.FromString(written))
    assert same(back, official.make_ndarray(theirs))
    assert back.flags.writeable


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([("float_val", 1), ("int_val", 3), ("bool_val", 10), ("half_val", 19), ("string_val", 7)]),
    st.integers(1, 4),
    st.lists(st.integers(1, 6), max_size=2),
)
def test_few_values_are_repeated_as_by_tensorflow(field: tuple[str, int], given_: int, sizes: list[int]) -> None:
    name, dtype = field
    count = min(given_, int(np.prod(sizes, dtype=int)))
    values = [b"%d" % n for n in range(count)] if name == "string_val" else list(range(count))
    message = protos.TensorProto(**{"dtype": dtype, name: values})
    for size in sizes:
        message.tensor_shape.dim.add(size=size)
    other = type(official.make_tensor_proto(0)).FromString(message.SerializeToString())
    assert same(tf.make_ndarray(message), official.make_ndarray(other))


@pytest.mark.parametrize(
    ("message", "sizes", "error"),
    [
        ({"dtype": 0}, [], TypeError),
        ({"dtype": 101, "float_val": [1.0]}, [], TypeError),
        ({"dtype": 20}, [], TypeError),
        ({"dtype": 1, "float_val": [1.0]}, [-1], ValueError),
        ({"dtype": 1, "tensor_content": b"1234"}, [2], ValueError),
        ({"dtype": 1, "float_val": [1.0]}, [2**40], ValueError),
    ],
)
def test_messages_that_are_no_tensors_are_refused(message: dict[str, Any], sizes: list[int], error: type) -> None:
    made = protos.TensorProto(**message)
    for size in sizes:
        made.tensor_shape.dim.add(size=size)
    with pytest.raises(error):
        tf.make_ndarray(made)
