"""JSON values by dtype: what each takes, what it becomes, how it is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from lightship.errors import InvalidArgument, LightshipError, Unimplemented
from lightship.saved_model.signatures import TensorSpec
from lightship.tensors.dtypes import DataType
from lightship.transports.rest.endpoints.predict_request import PredictRequest

LONG = "[" + "[1, 2], " * 100 + "[3, 4]]"  # goes the fast way


def read(body: str, **inputs: str) -> dict[str, np.ndarray[Any, Any]]:
    specs = {name: TensorSpec(name, DataType[f"DT_{kind.upper()}"], None, f"{name}:0") for name, kind in inputs.items()}
    return PredictRequest.parse(body.encode()).tensors(specs)


def column(value: str, kind: str) -> np.ndarray[Any, Any]:
    return read(f'{{"inputs": {value}}}', x=kind)["x"]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("float", "[1435774380, 1e39, -1e39, 1e-50]", np.array([1435774336, np.inf, -np.inf, 0], np.float32)),
        ("double", "[9007199254740993, 18446744073709551615]", np.array([2.0**53, 2.0**64])),
        ("half", "[1, 0.1, 1e6]", np.array([1, 0.1, np.inf], np.float16)),
        ("int32", "[2147483647, -2147483648]", np.array([2**31 - 1, -(2**31)], np.int32)),
        ("int8", "[127, -128]", np.array([127, -128], np.int8)),
        ("uint16", "[65535]", np.array([65535], np.uint16)),
        ("int64", "[9223372036854775807]", np.array([2**63 - 1], np.int64)),
        ("uint64", "[18446744073709551615]", np.array([2**64 - 1], np.uint64)),
        ("bool", "[true, false]", np.array([True, False])),
        ("string", '["a\\u0000\\u00e9", {"b64": "AQ=="}, {"b64": " A Q"}, ""]', None),
        ("float", "[[], []]", np.zeros((2, 0), np.float32)),
        ("complex64", "[]", np.zeros(0, np.complex64)),
        ("float", "5", np.array(5, np.float32)),
        ("float", LONG, np.array(json.loads(LONG), np.float32)),
        ("uint8", LONG, np.array(json.loads(LONG), np.uint8)),
    ],
)
def test_what_a_dtype_takes(kind: str, value: str, expected: np.ndarray[Any, Any] | None) -> None:
    array = column(value, kind)
    if expected is None:
        assert array.tolist() == [b"a\0\xc3\xa9", b"\x01", b"\x01", b""]
        return
    assert array.dtype == expected.dtype
    np.testing.assert_array_equal(array, expected)


def test_bfloat16_is_taken() -> None:
    assert column("[1.5]", "bfloat16").astype(np.float32).tolist() == [1.5]


@pytest.mark.parametrize(
    ("kind", "leaf", "word"),
    [
        ("int32", "1.0", "Number"),
        ("int32", "1e2", "Number"),
        ("int32", "2147483648", "Number"),
        ("uint32", "-1", "Number"),
        ("int64", "true", "True"),
        ("bool", "1", "Number"),
        ("bool", '"true"', "String"),
        ("float", "false", "False"),
        ("float", "null", "Null"),
        ("string", "1", "Number"),
    ],
)
def test_a_leaf_of_the_wrong_type_is_named(kind: str, leaf: str, word: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        column(f"[{leaf}]", kind)
    shown = "100.0" if leaf == "1e2" else leaf
    assert caught.value.message == f"JSON Value: {shown} Type: {word} is not of expected type: {kind}"


@pytest.mark.parametrize(("kind", "leaf"), [("int8", "300"), ("uint8", "-5"), ("int16", "70000")])
def test_narrow_integers_do_not_wrap(kind: str, leaf: str) -> None:
    for value in (f"[{leaf}]", "[" + "1, " * 200 + leaf + "]"):
        with pytest.raises(InvalidArgument, match=rf"JSON Value: {leaf} is out of range for type: {kind} \("):
            column(value, kind)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("[[1,2],[3]]", "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ("[1,[2]]", "Encountered list at unexpected level: 1 expected < 1"),
        ("[[1],2]", "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        ('{"b64": "AQ=="}', 'JSON Value: {\n    "b64": "AQ=="\n} Type: Object is not of expected type: float'),
    ],
)
def test_ragged_lists_are_named(value: str, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        column(value, "float")
    assert caught.value.message == text


def test_a_dtype_without_json_is_unimplemented() -> None:
    with pytest.raises(Unimplemented, match="^Conversion of JSON Value: 1 to type: complex64$"):
        column("1", "complex64")


ROW = "Failed to process element: {} of 'instances' list. Error: {}"
LONG_AND = "[" + "[1, 2], " * 3000 + "{}]"


@pytest.mark.parametrize(
    ("instances", "inputs", "text"),
    [
        ("[1]", {"a": "float", "b": "float"}, "instances is a plain list, but expecting list of objects as multiple "),
        ('[{"x": 1}, 2]', {"x": "float"}, "Expecting object but got list at item 1 of input list"),
        ('[1, {"x": 1}]', {"x": "float"}, "Expecting value/list but got object at item 1 of input list"),
        ("[1, [2]]", {"x": "float"}, ROW.format(1, "INVALID_ARGUMENT: Expecting shape [] but got: [1]")),
        ("[[[1,2]], [[1],[2]]]", {"x": "float"}, "Expecting shape [1,2] but got: [2,1]"),
        ("[1]", {"x": "complex64"}, ROW.format(0, "UNIMPLEMENTED: Conversion of JSON Value: 1 to type: complex64")),
        (LONG_AND.replace("{}", "[1]"), {"x": "float"}, ROW.format(3000, "INVALID_ARGUMENT: Expecting tensor size: 2")),
        (
            LONG_AND.replace("{}", "[1, 2.5]"),
            {"x": "int32"},
            ROW.format(3000, "INVALID_ARGUMENT: JSON Value: 2.5 Type"),
        ),
        (
            LONG_AND.replace("{}", '[1, "a"]'),
            {"x": "int32"},
            ROW.format(3000, 'INVALID_ARGUMENT: JSON Value: "a" Type'),
        ),
        (LONG_AND.replace("{}", '{"y": 1}'), {"x": "float"}, "Expecting value/list but got object at item 3000 of"),
        ('[{"a": 1}]', {"a": "float", "b": "float"}, "keys must be equal to: a,b"),
        ('[{"y": 1}]', {"x": "float"}, "Failed to process element: 0 key: y of 'instances' list. Error: INVALID_ARG"),
        ('[{"a": 1}, {"a": "s"}]', {"a": "float"}, "Failed to process element: 1 key: a of 'instances' list."),
    ],
)
def test_a_row_at_fault_is_numbered(instances: str, inputs: dict[str, str], text: str) -> None:
    with pytest.raises(LightshipError) as caught:
        read(f'{{"instances": {instances}}}', **inputs)
    assert text in caught.value.message
    assert isinstance(caught.value, InvalidArgument)


def test_named_rows_become_columns() -> None:
    long = "[" + "1.5, " * 200 + "2]"
    tensors = read(f'{{"instances": [{{"a": {long}, "b": "p"}}, {{"b": "q", "a": {long}}}]}}', a="float", b="string")
    assert tensors["a"].shape == (2, 201)
    assert tensors["b"].tolist() == [b"p", b"q"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("[1]", "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "),
        ('{"a": 1}', "Missing named input: b in 'inputs' object."),
    ],
)
def test_columns_at_fault_are_named(value: str, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read(f'{{"inputs": {value}}}', a="float", b="float")
    assert text in caught.value.message
