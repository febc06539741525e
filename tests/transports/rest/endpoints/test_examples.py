"""JSON examples as serialized `tensorflow.Example`s."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from google.protobuf import json_format

from lightship.errors import InvalidArgument
from lightship.protos import Example
from lightship.transports.rest.endpoints.examples import ExampleRequest


def read(text: str | bytes) -> list[object]:
    """The examples of a body, as protobuf's own JSON."""
    body = text if isinstance(text, bytes) else text.encode()
    return [json_format.MessageToDict(Example.FromString(one)) for one in ExampleRequest.parse(body).examples]


def feature(text: str) -> object:
    """The feature x that a JSON value becomes, by its kind."""
    ((_, found),) = Example.FromString(
        ExampleRequest.parse(b'{"examples":[{"x":%s}]}' % text.encode()).examples[0]
    ).features.feature.items()
    kind = found.WhichOneof("kind")
    return kind and (kind, list(getattr(found, kind).value))


LONG_FLOATS = [index / 2 for index in range(500)]
LONG_INTEGERS = list(range(-250, 250))


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("1", "int64_list", [1]),
        ("[1, -2]", "int64_list", [1, -2]),
        ("-9223372036854775808", "int64_list", [-(2**63)]),
        ("9223372036854775807", "int64_list", [2**63 - 1]),
        ("true", "int64_list", [1]),
        ("[true, 7, false]", "int64_list", [1, 7, 0]),
        ("1.0", "float_list", [1.0]),
        ("1e2", "float_list", [100.0]),
        ("[0.5, Infinity, -Infinity]", "float_list", [0.5, np.inf, -np.inf]),
        ("1e300", "float_list", [np.inf]),
        ("[0.5, 18446744073709551616]", "float_list", [0.5, 2.0**64]),
        ("-9223372036854775809", "float_list", [-(2.0**63)]),
        ('"text"', "bytes_list", [b"text"]),
        ('["a\\u0000\\u00e9", ""]', "bytes_list", [b"a\0\xc3\xa9", b""]),
        ('{"b64": "AQ=="}', "bytes_list", [b"\x01"]),
        ('[{"b64": "/w"}, "a"]', "bytes_list", [b"\xff", b"a"]),
        (json.dumps(LONG_FLOATS), "float_list", LONG_FLOATS),
        (json.dumps(LONG_INTEGERS), "int64_list", LONG_INTEGERS),
        (json.dumps([*LONG_FLOATS, 2.0**64]).replace("18446744073709551616.0", "18446744073709551616"),
         "float_list", [*LONG_FLOATS, 2.0**64]),
    ],
)  # fmt: skip
def test_the_first_element_decides_the_kind(text: str, kind: str, values: list[object]) -> None:
    assert feature(text) == (kind, values)


def test_nan_is_a_float() -> None:
    kind, (value,) = feature("NaN")  # type: ignore[misc]
    assert kind == "float_list"
    assert np.isnan(value)


def test_an_empty_list_has_no_kind() -> None:
    assert feature("[]") is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("null", "Feature: x has element with unexpected JSON type: Null"),
        ("[1, null]", "Feature: x has element with unexpected JSON type: Null"),
        ("[[1]]", "Feature: x has element with unexpected JSON type: Array"),
        (f"[{LONG_FLOATS}]", "Feature: x has element with unexpected JSON type: Array"),
        ('{"a": 1}', "Feature: x has element with unexpected JSON type: Object"),
        ('{"b64": 1}', "Feature: x has element with unexpected JSON type: Object"),
        ('{"b64": "AQ==", "a": 1}', "Feature: x has element with unexpected JSON type: Object"),
        ("[1, 2.0]", "Unexpected element type in feature: x expecting type: int64"),
        ('[true, "a"]', "Unexpected element type in feature: x expecting type: int64"),
        ("[1.5, 2]", "Unexpected element type in feature: x expecting type: float"),
        ('["a", 2]', "Unexpected element type in feature: x expecting type: bytes"),
        (json.dumps([*LONG_FLOATS, 3]), "Unexpected element type in feature: x expecting type: float"),
        (json.dumps([*LONG_INTEGERS, 0.5]), "Unexpected element type in feature: x expecting type: int64"),
        ("9223372036854775808", "Feature: x has uint64_t element. Only int64_t is supported."),
        ("18446744073709551615", "Feature: x has uint64_t element. Only int64_t is supported."),
        (json.dumps([*LONG_INTEGERS[250:], 2**63]), "Feature: x has uint64_t element. Only int64_t is supported."),
        ('{"b64": "*"}', "Unable to base64 decode"),
    ],
)
def test_what_no_feature_can_hold_is_reported(value: str, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        feature(value)
    assert caught.value.message == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", "JSON Parse error: The document is empty"),
        ("[1]", "JSON Value: [1] Is not object"),
        (
            '{"signature_name": 1, "context": 1}',
            'JSON Value: {\n    "signature_name": 1,\n    "context": 1\n} not formatted correctly. '
            "'signature_name' key must be a string value.",
        ),
        ('{"context": [1], "examples": 1}', "Example must be JSON object but got JSON Array"),
        ('{"context": {"x": null}}', "Feature: x has element with unexpected JSON type: Null"),
        ("{}", "JSON Value: {} When method is classify, key 'examples' is expected and was not found"),
        (
            '{"examples": {}}',
            "JSON Value: {\n    \"examples\": {}\n} Expecting 'examples' value to be an list/array",
        ),
        ('{"examples": []}', "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array"),
        ('{"examples": [[]]}', "Example must be JSON object but got JSON Array"),
        ('{"examples": [{}, 1]}', "Example must be JSON object but got JSON Number"),
        ('{"examples": [null]}', "Example must be JSON object but got JSON Null"),
        ('{"examples": ["a"]}', "Example must be JSON object but got JSON String"),
        ('{"examples": [true]}', "Example must be JSON object but got JSON True"),
        (f'{{"examples": {LONG_FLOATS}}}', "Example must be JSON object but got JSON Number"),
        (f'{{"examples": [{LONG_FLOATS}]}}', "Example must be JSON object but got JSON Array"),
    ],
)
def test_a_document_without_examples_is_reported(body: str, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read(body)
    assert caught.value.message == text


@pytest.mark.parametrize("long", [[], LONG_FLOATS])
def test_of_features_of_one_name_the_last_is_kept(long: list[float]) -> None:
    body = f'{{"examples": [{{"x": [1, 2], "y": 3, "x": "a"}}], "examples": 1, "more": {long}}}'
    (one,) = read(body)
    features = {"x": {"bytesList": {"value": ["YQ=="]}}, "y": {"int64List": {"value": ["3"]}}}
    assert one == {"features": {"feature": features}}


def test_a_context_gives_its_features_to_each_example() -> None:
    first, second = read('{"context": {"x": [1, 2], "y": 3}, "examples": [{}, {"x": 4}]}')
    y = {"int64List": {"value": ["3"]}}
    assert first == {"features": {"feature": {"x": {"int64List": {"value": ["1", "2"]}}, "y": y}}}
    assert second == {"features": {"feature": {"x": {"int64List": {"value": ["4"]}}, "y": y}}}


def test_an_empty_context_is_one() -> None:
    assert read('{"context": {}, "examples": [{"x": 4}]}') == read('{"examples": [{"x": 4}]}')


def test_a_name_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="the name of a feature is not valid Unicode"):
        read(b'{"examples": [{"\xff": 1}]}')


def test_bytes_that_are_not_utf_8_are_kept() -> None:
    (one,) = ExampleRequest.parse(b'{"examples": [{"x": "\xff"}]}').examples
    assert list(Example.FromString(one).features.feature["x"].bytes_list.value) == [b"\xff"]


def test_long_features_are_quick() -> None:
    body = json.dumps({"examples": [{"x": [index / 2 for index in range(200_000)]}]}).encode()
    start = time.thread_time()
    ExampleRequest.parse(body)
    assert time.thread_time() - start < 0.5  # it takes 0.05; a Python object a number takes several times that
