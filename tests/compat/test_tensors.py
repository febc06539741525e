"""`make_tensor_proto` against TensorFlow's own: the same bytes, the same kind of error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as official
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compat.tensor_values import SHAPED, TYPES, VALUES, WRONG

from lightship import protos
from lightship.compat import tensorflow as tf
from lightship.compat.tensorflow.dtypes import data_type


def shown(value: Any) -> str:
    """The name of a case, without addresses, which differ between the processes that run tests together."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def ours(values: Any, **options: Any) -> bytes:
    return tf.make_tensor_proto(values, **options).SerializeToString(deterministic=True)


def theirs(values: Any, **options: Any) -> bytes:
    with np.errstate(all="ignore"):  # it warns of what becomes infinite
        written: bytes = official.make_tensor_proto(values, **options).SerializeToString(deterministic=True)
    return written


@pytest.mark.parametrize("values", VALUES, ids=shown)
def test_values_become_the_same_bytes(values: Any) -> None:
    assert ours(values) == theirs(values)


@pytest.mark.parametrize(("values", "options"), SHAPED, ids=shown)
def test_shapes_are_checked_and_filled_alike(values: Any, options: dict[str, Any]) -> None:
    assert ours(values, **options) == theirs(values, **options)


@pytest.mark.parametrize(("values", "options"), WRONG, ids=shown)
def test_what_is_no_tensor_is_the_same_kind_of_error(values: Any, options: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)) as expected:
        theirs(values, **options)
    with pytest.raises(expected.type):
        ours(values, **options)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("values", [0, 1, True, -1, 300, 2**40, 2**63, 1.5, 1e300, 70000.0, 1j, [1, 0], [[1.5], [2]]])
def test_a_type_is_given_to_values_alike(values: Any, dtype: str) -> None:
    if (values, dtype) == (2**63, "bfloat16"):
        return  # the next test
    try:
        expected = theirs(values, dtype=dtype)
    except (TypeError, ValueError) as error:
        with pytest.raises(type(error)):
            ours(values, dtype=dtype)
    else:
        assert ours(values, dtype=dtype) == expected


def test_integers_beyond_int64_become_bfloat16_too() -> None:
    """TensorFlow says: expected number, got int."""
    assert tf.make_ndarray(tf.make_tensor_proto(2**63, dtype="bfloat16")) == 2.0**63


@pytest.mark.parametrize(
    "dtype", [1, 101, "half", "float", "double", float, bool, np.float16, np.dtype("i8"), "bfloat16", "float8_e5m2"]
)
def test_types_are_named_in_every_way(dtype: Any) -> None:
    assert ours(True, dtype=dtype) == theirs(True, dtype=dtype)


@pytest.mark.parametrize("name", [*TYPES, "string", "half", "double"])
def test_constants_are_those_of_tensorflow(name: str) -> None:
    assert getattr(tf, name) == getattr(official, name).as_datatype_enum
    assert data_type(getattr(official, name)) is getattr(tf, name)


@pytest.mark.parametrize("dtype", [object, np.object_, "string", tf.string])
def test_text_is_a_type(dtype: Any) -> None:
    assert ours(["a"], dtype=dtype) == theirs(["a"], dtype=official.string)


@pytest.mark.parametrize("dtype", [0, 20, "resource", "qint8", "int4", "datetime64"])
def test_types_that_cannot_be_sent_are_refused(dtype: Any) -> None:
    with pytest.raises(TypeError, match="not a type of tensors"):
        tf.make_tensor_proto(1, dtype=dtype)


def test_large_unsigned_integers_are_exact() -> None:
    """TensorFlow makes [1, 0] of them."""
    made = tf.make_tensor_proto([1, 2**64 - 1], dtype="uint64")
    assert tf.make_ndarray(made).tolist() == [1, 2**64 - 1]


def test_bytes_of_another_order_are_turned_round() -> None:
    """TensorFlow sends them as they are, and reads other numbers."""
    assert ours(np.array([1, 2], ">f4")) == theirs(np.float32([1, 2]))


def test_a_message_stays_what_it_is() -> None:
    for message in (protos.TensorProto(), official.make_tensor_proto(1)):
        assert tf.make_tensor_proto(message) is message


def test_the_result_belongs_into_a_request() -> None:
    from lightship.compat.tensorflow_serving.apis.predict_pb2 import PredictRequest

    request = PredictRequest(inputs={"x": tf.make_tensor_proto([1.0])})
    assert tf.make_ndarray(request.inputs["x"]).tolist() == [1.0]


LISTS = st.recursive(
    st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(), st.booleans(), st.text(max_size=3), st.binary(max_size=3)),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


def leaves(values: Any) -> Iterator[Any]:
    if isinstance(values, list):
        for value in values:
            yield from leaves(value)
    else:
        yield values


@settings(max_examples=300, deadline=None)
@given(LISTS, st.sampled_from([None, "float32", "int64", "string", "bool", "complex64"]))
def test_any_lists_become_what_they_become_with_tensorflow(values: Any, dtype: str | None) -> None:
    if dtype == "string" and np.array(values, object).size != len(list(leaves(values))):
        with pytest.raises((TypeError, ValueError)):  # TensorFlow takes ["a", []] for two strings
            ours(values, dtype=dtype)
        return
    try:
        expected = theirs(values, dtype=dtype)
    except (TypeError, ValueError):
        with pytest.raises((TypeError, ValueError)):
            ours(values, dtype=dtype)
    else:
        assert ours(values, dtype=dtype) == expected
