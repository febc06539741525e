"""Arrays to JSON and back: nothing is lost on the way."""

from __future__ import annotations

import json
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from lightship.client.rest.tensors import decode_columns, encode_columns
from lightship.client.results import TensorInfo
from lightship.errors import InvalidArgument, Unimplemented, Unknown


def info(dtype: str) -> TensorInfo:
    return TensorInfo(dtype, None, "x:0")


def sent(inputs: Any) -> Any:
    return json.loads(encode_columns(inputs, None))["inputs"]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (5, 5),
        (np.float32(0.5), 0.5),
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]]),
        (np.array([0.1], np.float32), [0.1]),
        (np.array([1, 2], ">i4"), [1, 2]),
        (np.array([[1, 2], [3, 4]], np.uint8).T, [[1, 3], [2, 4]]),
        (np.array([True, False]), [True, False]),
        (np.array([1.5], np.float16), [1.5]),
        (np.array([1.5], ml_dtypes.bfloat16), [1.5]),
        (np.array([1.5], np.longdouble), [1.5]),
        (np.longdouble(1.5), 1.5),
        (np.zeros((2, 0)), [[], []]),
        (b"\xff", {"b64": "/w=="}),
        ([b"\xff", "text"], [{"b64": "/w=="}, "text"]),
        ([b"a\x00"], [{"b64": "YQA="}]),
        (np.array([["a"], ["b"]]), [["a"], ["b"]]),
        ({"a": [1], "b": np.zeros(1)}, {"a": [1], "b": [0.0]}),
    ],
)
def test_inputs_are_written(inputs: Any, expected: Any) -> None:
    assert sent(inputs) == expected


def test_numbers_that_are_none_are_written_as_tensorflow_serving_reads_them() -> None:
    assert encode_columns(np.array([np.nan, np.inf, 1.0]), None) == b'{"inputs": [NaN, Infinity, 1.0]}'
    assert encode_columns({"a": [np.nan], "b": np.ones(1)}, None) == b'{"inputs": {"a": [NaN], "b": [1.0]}}'


def test_the_signature_is_named() -> None:
    assert json.loads(encode_columns([1], "other"))["signature_name"] == "other"


@pytest.mark.parametrize("inputs", [[[1, 2], [3]], [1j], [object()], [None], {"x": [[1], 2]}, [["a"], ["b", "c"]]])
def test_what_is_no_tensor_is_refused(inputs: Any) -> None:
    with pytest.raises(InvalidArgument):
        encode_columns(inputs, None)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint64", "int8"])
def test_numbers_come_back_exactly(dtype: str) -> None:
    array = np.array([[0, 1], [7, 3]], dtype) / np.array(3, dtype) if "float" in dtype else np.array([[0, 100]], dtype)
    name = {"float32": "DT_FLOAT", "float64": "DT_DOUBLE"}.get(dtype, f"DT_{dtype.upper()}")
    decoded = decode_columns(sent(array), {"y": info(name)})["y"]
    assert decoded.dtype == dtype
    np.testing.assert_array_equal(decoded, array)


def test_texts_come_back_as_str_and_b64_as_bytes() -> None:
    outputs = {"names": [["a"], ["bc"]], "raw_bytes": [{"b64": "/w=="}, {"b64": ""}]}
    decoded = decode_columns(outputs, {"names": info("DT_STRING"), "raw_bytes": info("DT_STRING")})
    assert decoded["names"].tolist() == [["a"], ["bc"]]
    assert decoded["raw_bytes"].tolist() == [b"\xff", b""]


@pytest.mark.parametrize(
    "texts", [["a", 1], ["a", None], [["a"], ["b", "c"]], [["a", "b"], "cd"], [["a"], []], [{"x": 1}], [{"b64": "A"}]]
)
def test_texts_that_are_no_tensor_are_an_error(texts: Any) -> None:
    with pytest.raises(Unknown, match="output names cannot be read"):
        decode_columns(texts, {"names": info("DT_STRING")})


def test_shapes_without_elements_are_kept() -> None:
    assert decode_columns([[], []], {"y": info("DT_FLOAT")})["y"].shape == (2, 0)
    assert decode_columns([], {"y": info("DT_STRING")})["y"].shape == (0,)
    assert decode_columns(2.5, {"y": info("DT_FLOAT")})["y"].shape == ()


def test_outputs_that_are_not_the_signatures_are_an_error() -> None:
    with pytest.raises(Unknown, match="answered with a; the signature's outputs are a, b"):
        decode_columns({"a": [1]}, {"a": info("DT_FLOAT"), "b": info("DT_FLOAT")})


def test_a_dtype_without_json_is_named() -> None:
    with pytest.raises(Unimplemented, match="DT_COMPLEX64"):
        decode_columns([1], {"y": info("DT_COMPLEX64")})
