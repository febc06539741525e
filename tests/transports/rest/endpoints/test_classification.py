"""`:classify` and `:regress` through a real socket."""

from __future__ import annotations

import pytest
from tests.transports.rest.conftest import Ask

pytestmark = pytest.mark.tensorflow

CLASSIFY, REGRESS = "/v1/models/m:classify", "/v1/models/m:regress"
BY_CLASSIFY, BY_REGRESS = '"signature_name": "classify_x_to_y"', '"signature_name": "regress_x_to_y"'


def test_classify(ask: Ask) -> None:
    answer = ask("POST", CLASSIFY, f'{{{BY_CLASSIFY}, "examples": [{{"x": 2.0}}]}}')
    assert (answer.status, answer.body) == (200, b'{\n    "results": [[["", 3.0]]\n    ]\n}')
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Lightship-Model-Version"] == "123"


def test_regress(ask: Ask) -> None:
    answer = ask("POST", REGRESS, f'{{{BY_REGRESS}, "examples": [{{"x": 80.0}}, {{"x": [3.0]}}]}}')
    assert (answer.status, answer.json) == (200, {"results": [42.0, 3.5]})


def test_a_version_can_be_named(ask: Ask) -> None:
    body = f'{{{BY_REGRESS}, "examples": [{{"x": 80.0}}]}}'
    assert ask("POST", "/v1/models/m/versions/123:regress", body).json == {"results": [42.0]}


def test_a_context(ask: Ask) -> None:
    answer = ask("POST", REGRESS, f'{{{BY_REGRESS}, "context": {{"x": 80.0}}, "examples": [{{}}, {{"x": 2.0}}]}}')
    assert answer.json == {"results": [42.0, 3.0]}


def test_an_integer_is_no_float(ask: Ask) -> None:
    answer = ask("POST", REGRESS, f'{{{BY_REGRESS}, "examples": [{{"x": 80}}]}}')
    assert answer.status == 400
    assert "x" in answer.error
    assert "expected type: float" in answer.error


@pytest.mark.parametrize(
    ("target", "body", "status", "text"),
    [
        ("/v1/models/no:classify", "{", 400, "JSON Parse error: Missing a name for object member. at offset: 1"),
        ("/v1/models/no:regress", '{"examples": []}', 400, "'examples' value is an empty array"),
        ("/v1/models/no:regress", '{"examples": [{}]}', 404, "Servable not found for request: Latest(no)"),
        ("/v1/models/m/versions/9:classify", '{"examples": [{}]}', 404, "Specific(m, 9)"),
        ("/v1/models/m/labels/no:classify", '{"examples": [{}]}', 400, "Unrecognized servable version label: no"),
        (CLASSIFY, '{"signature_name": "no", "examples": [{}]}', 400, "No signature was found with the name: no"),
        (REGRESS, '{"signature_name": "no", "examples": [{}]}', 400, "No signature was found with the name: no"),
        (CLASSIFY, '{"examples": [{}]}', 400, "No classification inputs found in SignatureDef: inputs {"),
        (REGRESS, f'{{{BY_CLASSIFY}, "examples": [{{}}]}}', 400, "No regression outputs found in SignatureDef: "),
        (CLASSIFY, f'{{{BY_CLASSIFY}, "examples": [{{}}]}}', 400, "Feature: x (data type: float) is required"),
    ],
)
def test_refusals_come_in_their_order(ask: Ask, target: str, body: str, status: int, text: str) -> None:
    answer = ask("POST", target, body)
    assert answer.status == status
    assert text in answer.error


def test_a_context_may_not_fill_the_memory(ask: Ask) -> None:
    context, examples = "c" * (4 << 20), ", ".join(["{}"] * 100)
    answer = ask("POST", REGRESS, f'{{"context": {{"x": "{context}"}}, "examples": [{examples}]}}')
    assert answer.status == 429
    assert "is copied for each of 100 examples" in answer.error


@pytest.mark.parametrize("depth", [10, 100_000])
def test_deep_lists_are_reported_like_flat_ones(ask: Ask, depth: int) -> None:
    answer = ask("POST", CLASSIFY, f'{{"examples": [{{"x": {"[" * depth}1{"]" * depth}}}]}}')
    assert (answer.status, answer.error) == (400, "Feature: x has element with unexpected JSON type: Array")
    answer = ask("POST", CLASSIFY, f'{{"examples": {"[" * depth}1{"]" * depth}}}')
    assert (answer.status, answer.error) == (400, "Example must be JSON object but got JSON Array")


def test_calls_that_fail_leave_the_server_answering(ask: Ask) -> None:
    for body in ("", "[]", "null", '{"examples": [{"x": {}}]}', '{"examples": {"x": 1}}', '{"context": 1}'):
        for target in (CLASSIFY, REGRESS):
            assert ask("POST", target, body).status == 400
    assert ask("POST", REGRESS, f'{{{BY_REGRESS}, "examples": [{{"x": 80.0}}]}}').json == {"results": [42.0]}
