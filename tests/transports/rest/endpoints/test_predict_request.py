"""The body of `:predict`: every refusal, to the letter, by whichever way the body is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lightship.errors import Code, LightshipError
from lightship.saved_model.signatures import TensorSpec
from lightship.tensors.dtypes import DataType
from lightship.transports.rest.endpoints.predict_request import PredictRequest

# Appended to a document, it leaves the document the same and sends it the complete way.
COMPLETE = " \\ud800"


def specs(**inputs: str) -> dict[str, TensorSpec]:
    return {name: TensorSpec(name, DataType[f"DT_{kind.upper()}"], None, f"{name}:0") for name, kind in inputs.items()}


def tensors(body: str, **inputs: str) -> dict[str, np.ndarray[Any, Any]]:
    quick = PredictRequest.parse(body.encode()).tensors(specs(**inputs))
    complete = PredictRequest.parse((body + COMPLETE).encode()).tensors(specs(**inputs))
    for name, tensor in quick.items():
        assert (tensor.dtype, tensor.shape) == (complete[name].dtype, complete[name].shape)
        np.testing.assert_array_equal(tensor, complete[name])
    return quick


def refusal(body: str, **inputs: str) -> tuple[Code, str]:
    refusals = []
    for text in (body, body + COMPLETE):
        with pytest.raises(LightshipError) as caught:
            PredictRequest.parse(text.encode()).tensors(specs(**inputs))
        refusals.append((caught.value.code, caught.value.message))
    assert refusals[0] == refusals[1]
    return refusals[0]


BOTH = '{\n    "instances": [1],\n    "inputs": [1]\n}'
NO_TEXT = "not formatted correctly. 'signature_name' key must be a string value."


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("[1]", "JSON Value: [1] Is not object"),
        ("5", "JSON Value: 5 Is not object"),
        ('"s"', 'JSON Value: "s" Is not object'),
        ("null", "JSON Value: null Is not object"),
        ("NaN", "JSON Value:  Is not object"),
        ('{"signature_name": null}', 'JSON Value: {\n    "signature_name": null\n} ' + NO_TEXT),
        ('{"signature_name": 5}', 'JSON Value: {\n    "signature_name": 5\n} ' + NO_TEXT),
        (
            '{"instances": [1], "inputs": [1]}',
            f"JSON Value: {BOTH} Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
        ),
        ("{}", "Missing 'inputs' or 'instances' key"),
        ('{"Instances": [1]}', "Missing 'inputs' or 'instances' key"),
        (
            '{"instances": {"x": 1}}',
            'JSON Value: {\n    "instances": {\n        "x": 1\n    }\n} Expecting \'instances\' to be an list/array',
        ),
        ('{"instances": []}', "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array"),
        (
            '{"instances": 1, "instances": [2]}',
            'JSON Value: {\n    "instances": 1,\n    "instances": [2]\n} Expecting \'instances\' to be an list/array',
        ),
    ],
)
def test_a_document_is_refused(body: str, text: str) -> None:
    assert refusal(body, x="float") == (Code.INVALID_ARGUMENT, text)


def test_other_members_are_ignored() -> None:
    body = '{"more": {"a": [null, "x"]}, "signature_name": "", "instances": [1.5], "inputz": true}'
    assert tensors(body, x="float")["x"].tolist() == [1.5]
    assert PredictRequest.parse(b'{"instances": [1]}').signature_name == ""
    assert PredictRequest.parse(b'{"signature_name": "s", "signature_name": 1}').signature_name == "s"


def test_the_first_of_repeated_names_is_taken() -> None:
    assert tensors('{"instances": [1, 2], "instances": ["x"]}', x="int32")["x"].tolist() == [1, 2]
    assert tensors('{"inputs": {"x": 1, "y": 0, "x": 2}}', x="int32")["x"].tolist() == 1


WRONG = "JSON Value: {} Type: {} is not of expected type: {}"
B64 = '{\n    "b64": "AQ=="\n}'

LEAVES = [
    ("int32", '"a"', WRONG.format('"a"', "String", "int32")),
    ("int32", "1.0", WRONG.format("1.0", "Number", "int32")),
    ("int32", "1e2", WRONG.format("100.0", "Number", "int32")),
    ("int32", "2147483648", WRONG.format("2147483648", "Number", "int32")),
    ("int32", "-2147483649", WRONG.format("-2147483649", "Number", "int32")),
    ("int32", "NaN", WRONG.format("", "Number", "int32")),
    ("int32", '{"b64": "AQ=="}', WRONG.format(B64, "Object", "int32")),
    ("int16", "1.0", WRONG.format("1.0", "Number", "int16")),
    ("int8", "true", WRONG.format("true", "True", "int8")),
    ("uint8", "null", WRONG.format("null", "Null", "uint8")),
    ("int64", "9223372036854775808", WRONG.format("9223372036854775808", "Number", "int64")),
    ("int64", "1.0", WRONG.format("1.0", "Number", "int64")),
    ("uint32", "-1", WRONG.format("-1", "Number", "uint32")),
    ("uint32", "4294967296", WRONG.format("4294967296", "Number", "uint32")),
    ("uint64", "-1", WRONG.format("-1", "Number", "uint64")),
    ("uint64", "18446744073709551616", WRONG.format("18446744073709553000.0", "Number", "uint64")),
    ("bool", "1", WRONG.format("1", "Number", "bool")),
    ("bool", '"true"', WRONG.format('"true"', "String", "bool")),
    ("float", "false", WRONG.format("false", "False", "float")),
    ("float", "null", WRONG.format("null", "Null", "float")),
    ("float", '"1"', WRONG.format('"1"', "String", "float")),
    ("double", "true", WRONG.format("true", "True", "double")),
    ("float", "{}", WRONG.format("{}", "Object", "float")),
    ("string", "1", WRONG.format("1", "Number", "string")),
    ("string", "null", WRONG.format("null", "Null", "string")),
    ("string", '{"c": 1}', 'JSON Value: {\n    "c": 1\n} not formatted correctly for base64 data'),
    ("string", "{}", "JSON Value: {} not formatted correctly for base64 data"),
    ("string", '{"b64": 1}', 'JSON Value: {\n    "b64": 1\n} not formatted correctly for base64 data'),
    (
        "string",
        '{"b64": "", "b64": ""}',
        'JSON Value: {\n    "b64": "",\n    "b64": ""\n} not formatted correctly for base64 data',
    ),
    ("string", '{"b64": "A"}', "Unable to base64 decode"),
    ("string", '{"b64": "AQ="}', "Unable to base64 decode"),
    ("string", '{"b64": "AQ==="}', "Unable to base64 decode"),
    ("string", '{"b64": "-_-_"}', "Unable to base64 decode"),
]


@pytest.mark.parametrize(("kind", "leaf", "text"), LEAVES)
def test_a_leaf_is_refused_in_a_column(kind: str, leaf: str, text: str) -> None:
    assert refusal(f'{{"inputs": [{leaf}]}}', x=kind) == (Code.INVALID_ARGUMENT, text)
    assert refusal(f'{{"inputs": {{"x": {leaf}}}}}', x=kind) == (Code.INVALID_ARGUMENT, text)


@pytest.mark.parametrize(("kind", "leaf", "text"), LEAVES)
def test_a_leaf_is_refused_in_a_row(kind: str, leaf: str, text: str) -> None:
    named = f"Failed to process element: 0 key: x of 'instances' list. Error: INVALID_ARGUMENT: {text}"
    assert refusal(f'{{"instances": [{{"x": {leaf}}}]}}', x=kind) == (Code.INVALID_ARGUMENT, named)
    plain = f"Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: {text}"
    assert refusal(f'{{"instances": [[{leaf}]]}}', x=kind) == (Code.INVALID_ARGUMENT, plain)


@pytest.mark.parametrize("kind", ["complex64", "complex128", "qint8", "quint8", "qint32", "resource", "variant"])
def test_a_dtype_that_has_no_json_is_refused(kind: str) -> None:
    text = f"Conversion of JSON Value: 1 to type: {kind}"
    assert refusal('{"inputs": 1}', x=kind) == (Code.UNIMPLEMENTED, text)
    row = f"Failed to process element: 0 of 'instances' list. Error: UNIMPLEMENTED: {text}"
    assert refusal('{"instances": [1]}', x=kind) == (Code.INVALID_ARGUMENT, row)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("[[1,2],[3]]", "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ("[[1],[2,3]]", "Encountered list at unexpected size: 2 at level: 1 expected size: 1"),
        ("[[[1],[2]],[[3]]]", "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ("[[1],[]]", "Encountered list at unexpected size: 0 at level: 1 expected size: 1"),
        ("[[],[1]]", "Encountered list at unexpected size: 1 at level: 1 expected size: 0"),
        ("[1,[2]]", "Encountered list at unexpected level: 1 expected < 1"),
        ("[1,[]]", "Encountered list at unexpected level: 1 expected < 1"),
        ("[[1],2]", "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        ("[[[1]],2.5]", "JSON Value: 2.5 found at incorrect level: 2 in the JSON DOM. Expected at level: 3"),
        ("[[],2]", "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
    ],
)
@pytest.mark.parametrize("kind", ["float", "int32"])
def test_a_ragged_value_is_refused(value: str, text: str, kind: str) -> None:
    if kind == "float" or "." not in value:
        assert refusal(f'{{"inputs": {value}}}', x=kind) == (Code.INVALID_ARGUMENT, text)
        row = f"Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: {text}"
        assert refusal(f'{{"instances": [{value}]}}', x=kind) == (Code.INVALID_ARGUMENT, row)


def test_base64_objects_in_place_of_names_are_the_values_of_one_input() -> None:
    """The call then fails, because the others are missing."""
    body = '{"instances": [{"b64": "QQ=="}, {"b64": "Qg=="}]}'
    assert {name: tensor.tolist() for name, tensor in tensors(body, a="string", b="string").items()} == {
        "a": [b"A", b"B"]
    }
    assert tensors('{"instances": [1]}') == {}


NOT_LIST = "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
ROW = "Failed to process element: {} of 'instances' list. "
ONE, TWO = {"x": "float"}, {"a": "float", "b": "float"}


@pytest.mark.parametrize(
    ("instances", "inputs", "text"),
    [
        ("[1]", TWO, NOT_LIST + "tensorinfo_map"),
        ("[[1]]", TWO, NOT_LIST + "tensorinfo_map"),
        ('[{"x": 1}, 2]', ONE, "Expecting object but got list at item 1 of input list"),
        ('[{"x": 1}, {"b64": "AQ=="}]', ONE, "Expecting object but got list at item 1 of input list"),
        ('[1, {"x": 1}]', ONE, "Expecting value/list but got object at item 1 of input list"),
        (
            '[{"y": 1}]',
            ONE,
            ROW.format("0 key: y") + "Error: INVALID_ARGUMENT: JSON object: does not have named input: y",
        ),
        (
            '[{"a": 1}]',
            TWO,
            ROW.format(0) + 'JSON object: {\n    "a": 1\n} keys must be equal to: a,b',
        ),
        ("[{}]", TWO, ROW.format(0) + "JSON object: {} keys must be equal to: a,b"),
        ("[[1,2],[3]]", ONE, ROW.format(1) + "Error: INVALID_ARGUMENT: Expecting tensor size: 2 but got: 1"),
        ("[1, [2]]", ONE, ROW.format(1) + "Error: INVALID_ARGUMENT: Expecting shape [] but got: [1]"),
        ("[[[1,2]],[[3],[4]]]", ONE, ROW.format(1) + "Error: INVALID_ARGUMENT: Expecting shape [1,2] but got: [2,1]"),
        (
            '[{"a": [1], "b": 1}, {"a": [1, 2], "b": 1}]',
            TWO,
            ROW.format("1 key: a") + "Error: INVALID_ARGUMENT: Expecting tensor size: 1 but got: 2",
        ),
    ],
)
def test_rows_are_refused(instances: str, inputs: dict[str, str], text: str) -> None:
    assert refusal(f'{{"instances": {instances}}}', **inputs) == (Code.INVALID_ARGUMENT, text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            "[1]",
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
            "tensorinfo_map",
        ),
        ("null", "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "),
        ('{"b64": ""}', "inputs is a plain value/list, but expecting an object as multiple input tensors required"),
        ('{"a": 1}', "Missing named input: b in 'inputs' object."),
        ("{}", "Missing named input: a in 'inputs' object."),
    ],
)
def test_columns_are_refused(value: str, text: str) -> None:
    code, message = refusal(f'{{"inputs": {value}}}', **TWO)
    assert code == Code.INVALID_ARGUMENT
    assert message.startswith(text)


@pytest.mark.parametrize(
    ("body", "inputs", "expected"),
    [
        ('{"instances": [2.0, 3.0, 4.0]}', ONE, {"x": [2, 3, 4]}),
        ('{"instances": [[1, 2.5], [NaN, -Infinity]]}', {"x": "double"}, {"x": [[1, 2.5], [np.nan, -np.inf]]}),
        ('{"instances": [{"a": 1, "b": [2]}, {"b": [3], "a": 4}]}', TWO, {"a": [1, 4], "b": [[2], [3]]}),
        ('{"instances": [{"b64": "AQ=="}, "AQ=="]}', {"b64": "string"}, {"b64": [b"\x01", b"AQ=="]}),
        ('{"instances": [{"x": {"b64": "AQ=="}}]}', {"x": "string"}, {"x": [b"\x01"]}),
        ('{"instances": [true, false]}', {"x": "bool"}, {"x": [True, False]}),
        ('{"inputs": 5}', ONE, {"x": 5}),
        ('{"inputs": {"a": [1, 2, 3], "b": 5, "c": "more"}}', TWO, {"a": [1, 2, 3], "b": 5}),
        ('{"inputs": {"x": [[1, -2]]}}', {"x": "int64"}, {"x": [[1, -2]]}),
        ('{"inputs": {"b64": "AQ=="}}', {"x": "string"}, {"x": b"\x01"}),
        ('{"inputs": ["\\u0000é", {"b64": "A\\tQ=\\n="}, {"b64": "AQ"}]}', {"x": "string"}, {"x": None}),
        ('{"inputs": [[], []]}', {"x": "complex64"}, {"x": [[], []]}),
        ('{"inputs": []}', {"x": "int32"}, {"x": []}),
        ('{"instances": [[], []]}', ONE, {"x": [[], []]}),
    ],
)
def test_tensors_are_read(body: str, inputs: dict[str, str], expected: dict[str, Any]) -> None:
    read = tensors(body, **inputs)
    assert read.keys() == expected.keys()
    for name, value in expected.items():
        if value is None:
            assert read[name].tolist() == [b"\0\xc3\xa9", b"\x01", b"\x01"]
            continue
        np.testing.assert_array_equal(read[name], np.array(value, DataType[f"DT_{inputs[name].upper()}"].numpy))
        assert read[name].shape == np.shape(value)
