"""TensorFlow's types, their texts and their numpy types."""

from __future__ import annotations

import numpy as np
import pytest

from lightship.errors import Unimplemented
from lightship.tensors.dtypes import DataType


@pytest.mark.parametrize(
    ("dtype", "numpy", "label"),
    [
        (DataType.DT_FLOAT, "float32", "float"),
        (DataType.DT_DOUBLE, "float64", "double"),
        (DataType.DT_HALF, "float16", "half"),
        (DataType.DT_BFLOAT16, "bfloat16", "bfloat16"),
        (DataType.DT_STRING, "object", "string"),
        (DataType.DT_BOOL, "bool", "bool"),
        (DataType.DT_UINT64, "uint64", "uint64"),
        (DataType.DT_COMPLEX64, "complex64", "complex64"),
    ],
)
def test_types_go_both_ways(dtype: DataType, numpy: str, label: str) -> None:
    assert dtype.numpy.name == numpy
    assert dtype.label == label
    assert DataType.of(dtype.numpy) is dtype


@pytest.mark.tensorflow
def test_numbers_names_and_numpy_types_are_tensorflows() -> None:
    import tensorflow as tf

    for dtype in DataType:
        known = tf.dtypes.as_dtype(int(dtype)) if dtype else None
        if known is not None:
            assert dtype.label == known.name.replace("float32", "float").replace("float64", "double").replace(
                "float16", "half"
            ).replace("bhalf", "bfloat16")


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([b"a"]), np.array([b"a"], object)])
def test_text_is_a_string(array: np.ndarray) -> None:
    assert DataType.of(array.dtype) is DataType.DT_STRING


def test_a_type_without_numpy_is_named() -> None:
    with pytest.raises(Unimplemented, match="resource"):
        _ = DataType.DT_RESOURCE.numpy
    with pytest.raises(Unimplemented, match="datetime64"):
        DataType.of(np.dtype("datetime64[s]"))
