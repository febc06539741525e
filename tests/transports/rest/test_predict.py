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
    ("m", '{"signature_name": "", "instances": [1]} and more', '{\n    "predictions": [2.5\n    ]\n}'),
]

ROW = "Failed to process element: {} of 'instances' list. Error: INVALID_ARGUMENT: "
REFUSALS = [
    ("m", "", 400, "JSON Parse error: The document is empty"),
    ("m", "instances = [1]", 400, "JSON Parse error: Invalid value. at offset: 0"),
    ("foo", "", 400, "JSON Parse error: The document is empty"),
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


@pytest.mark.parametrize("body", [b'{"instances": [1]}', gzip.compress(b'{"instances": [1]}')[:-9], b""])
def test_a_gzip_body_that_is_none_is_named(ask: Ask, body: bytes) -> None:
    answer = ask("POST", PREDICT, body, Content_Encoding="gzip")
    assert answer.status == 400
    assert "gzip" in answer.error


def test_a_gzip_bomb_is_refused(ask: Ask) -> None:
    answer = ask("POST", PREDICT, gzip.compress(bytes(9 << 20)), Content_Encoding="gzip")
    assert answer.status == 413
    assert str(8 << 20) in answer.error
