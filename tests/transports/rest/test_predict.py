"""`:predict` over a socket, by a real model: y = 0.5 x + 2."""

from __future__ import annotations

import gzip

import pytest
from tests.transports.rest.conftest import Ask

PREDICT = "/v1/models/m:predict"

ANSWERS = [
    ("m", '{"instances": [1.0,2.0]}', '{\n    "predictions": [2.5, 3.0\n    ]\n}'),
    ("m/versions/123", '{"instances": [1.0,2.0]}', '{\n    "predictions": [2.5, 3.0\n    ]\n}'),
    (
        "m",
        '{"instances": [[1.0,2.0],[3.0,4.0]]}',
        '{\n    "predictions": [[2.5, 3.0], [3.5, 4.0]\n    ]\n}',
    ),
    ("m", '{"inputs": [3.0,4.0]}', '{\n    "outputs": [\n        3.5,\n        4.0\n    ]\n}'),
    ("m", '{"inputs": {"x": [3.0], "more": 1}}', '{\n    "outputs": [\n        3.5\n    ]\n}'),
    ("m", '{"instances": [{"x": 1.0}]}', '{\n    "predictions": [2.5\n    ]\n}'),
    ("m", '{"inputs": 5}', '{\n    "outputs": 4.5\n}'),
    ("m", '{"instances": [NaN, Infinity, -Infinity]}', '{\n    "predictions": [NaN, Infinity, -Infinity\n    ]\n}'),
    ("m", '\ufeff \r\n\t{"instances" : [ 1 ]}', '{\n    "predictions": [2.5\n    ]\n}'),
    ("m", '{"instances": [2], "instances": ["x"]}', '{\n    "predictions": [3.0\n    ]\n}'),
    ("m", '{"instances": [-0, 0e400, 1e-400]}', '{\n    "predictions": [2.0, 2.0, 2.0\n    ]\n}'),
    ("m", '{"instances": [[], []]}', '{\n    "predictions": [[], []\n    ]\n}'),
    ("m", '{"inputs": []}', '{\n    "outputs": []\n}'),
    (
        "m",
        '{"inputs": [[1], [2]]}',
        '{\n    "outputs": [\n        [\n            2.5\n        ],\n        [\n            3.0\n        ]\n    ]\n}',
    ),
    ("m", '{"instances": [1e7, 2e-6, 0.1]}', '{\n    "predictions": [5000002.0, 2.00000095, 2.05\n    ]\n}'),
    ("m", '{"signature_name": "", "instances": [1]} and more', '{\n    "predictions": [2.5\n    ]\n}'),
]

ROW = "Failed to process element: {} of 'instances' list. Error: INVALID_ARGUMENT: "
REFUSALS = [
    ("m", "", 400, "JSON Parse error: The document is empty"),
    ("m", "instances = [1]", 400, "JSON Parse error: Invalid value. at offset: 0"),
    ("foo", "", 400, "JSON Parse error: The document is empty"),
    ("m", " ", 400, "JSON Parse error: The document is empty. at offset: 1"),
    ("m", '{"instances":[1]', 400, "JSON Parse error: Missing a comma or '}' after an object member. at offset: 16"),
    ("m", '{"instances":[1e400]}', 400, "JSON Parse error: Number too big to be stored in double. at offset: 14"),
    ("m", '{"instances":[1,]}', 400, "JSON Parse error: Invalid value. at offset: 16"),
    (
        "m",
        '{"instances": [NaN, 1], "inputs": 1}',
        400,
        "JSON Value: {\n    \"instances\": [ Not formatted correctly expecting only one of 'inputs' or 'instances' "
        "keys to exist ",
    ),
    (
        "m",
        '{"signature_name": 1, "signature_name": "s"}',
        400,
        'JSON Value: {\n    "signature_name": 1,\n    "signature_name": "s"\n} not formatted correctly. '
        "'signature_name' key must be a string value.",
    ),
    (
        "m",
        '{"inputs": [[18446744073709551616], 1.5]}',
        400,
        "JSON Value: 1.5 found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
    ),
    ("foo", "[1]", 400, "JSON Value: [1] Is not object"),
    ("foo", '{"instances": ["x"]}', 404, "Servable not found for request: Latest(foo)"),
    ("m/versions/9", '{"instances": [1]}', 404, "Servable not found for request: Specific(m, 9)"),
    ("m/labels/nope", '{"instances": [1]}', 400, "Unrecognized servable version label: nope"),
    ("m", '{"signature_name": "s", "instances": 1}', 400, 'Serving signature name: "s" not found in signature def'),
    ("m", "{}", 400, "Missing 'inputs' or 'instances' key"),
    ("m", '{"Instances": [1]}', 400, "Missing 'inputs' or 'instances' key"),
    (
        "m",
        '{"instances": ["x"]}',
        400,
        ROW.format(0) + 'JSON Value: "x" Type: String is not of expected type: float',
    ),
    ("m", '{"inputs": ["x"]}', 400, 'JSON Value: "x" Type: String is not of expected type: float'),
    ("m", '{"instances": [[1,2],[3]]}', 400, ROW.format(1) + "Expecting tensor size: 2 but got: 1"),
    (
        "m",
        '{"instances": 1}',
        400,
        "JSON Value: {\n    \"instances\": 1\n} Expecting 'instances' to be an list/array",
    ),
]


@pytest.mark.tensorflow
@pytest.mark.parametrize(("model", "body", "text"), ANSWERS)
def test_an_answer_is_written_byte_for_byte(ask: Ask, model: str, body: str, text: str) -> None:
    answer = ask("POST", f"/v1/models/{model}:predict", body)
    assert (answer.status, answer.body.decode()) == (200, text)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Lightship-Model-Version"] == "123"


@pytest.mark.parametrize(("model", "body", "status", "text"), REFUSALS)
def test_a_refusal_says_what_is_wrong(ask: Ask, model: str, body: str, status: int, text: str) -> None:
    answer = ask("POST", f"/v1/models/{model}:predict", body)
    assert (answer.status, answer.error) == (status, text)


def test_an_error_is_laid_out_as_tensorflow_serving_does(ask: Ask) -> None:
    answer = ask("POST", PREDICT, "{}")
    assert answer.body == b"{\n    \"error\": \"Missing 'inputs' or 'instances' key\"\n}"


def test_the_content_type_does_not_matter(ask: Ask) -> None:
    answer = ask("POST", PREDICT, '{"instances": [1]}', Content_Type="application/x-www-form-urlencoded")
    assert answer.status == 200


def test_a_gzip_body_is_read(ask: Ask) -> None:
    body = gzip.compress(b'{"inst') + gzip.compress(b'ances": [1]}')
    assert ask("POST", PREDICT, body, Content_Encoding="gzip").json == {"predictions": [2.5]}


def test_gzip_is_looked_for_anywhere_in_the_coding_and_in_lower_case(ask: Ask) -> None:
    body = b'{"instances": [1]}'
    assert ask("POST", PREDICT, gzip.compress(body), Content_Encoding="my_gzip").json == {"predictions": [2.5]}
    assert ask("POST", PREDICT, body, Content_Encoding="GZIP").json == {"predictions": [2.5]}
    assert "Content-Encoding" not in ask("POST", PREDICT, body, Accept_Encoding="gzip").headers


@pytest.mark.parametrize("body", [b'{"instances": [1]}', gzip.compress(b'{"instances": [1]}', mtime=0)[:-9], b""])
def test_a_gzip_body_that_is_none_is_named(ask: Ask, body: bytes) -> None:
    answer = ask("POST", PREDICT, body, Content_Encoding="gzip")
    assert answer.status == 400
    assert "gzip" in answer.error


def test_a_gzip_bomb_is_refused(ask: Ask) -> None:
    answer = ask("POST", PREDICT, gzip.compress(bytes(9 << 20)), Content_Encoding="gzip")
    assert answer.status == 413
    assert str(8 << 20) in answer.error
