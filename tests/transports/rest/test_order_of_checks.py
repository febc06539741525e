"""Of several things that are wrong, the one is said that TensorFlow Serving says; and what is counted."""

from __future__ import annotations

import pytest
from tests.transports.rest.conftest import Ask

ORDER = [
    ("/v1/models/foo:Predict", "{", "Malformed request: POST /v1/models/foo:Predict"),
    ("/v1/models/foo:predict", "{", "JSON Parse error: Missing a name for object member. at offset: 1"),
    ("/v1/models/foo:predict", "null", "JSON Value: null Is not object"),
    ("/v1/models/foo:predict", '"s"', 'JSON Value: "s" Is not object'),
    (
        "/v1/models/foo:predict",
        '{"signature_name": null}',
        'JSON Value: {\n    "signature_name": null\n} not formatted correctly. '
        "'signature_name' key must be a string value.",
    ),
    (
        "/v1/models/foo:predict",
        '{"signature_name": "s", "instances": 1}',
        "Servable not found for request: Latest(foo)",
    ),
    ("/v1/models/foo/labels/l:predict", "{}", "Unrecognized servable version label: l"),
    ("/v1/models/m:predict", '{"signature_name": "s"}', 'Serving signature name: "s" not found in signature def'),
    ("/v1/models/m:predict", '{"x": 1}', "Missing 'inputs' or 'instances' key"),
    ("/v1/models/m:predict", '{"instances": [], "inputs": 1}', None),
    ("/v1/models/foo:classify", '{"examples": 1}', None),
    ("/v1/models/foo:classify", '{"examples": [{}]}', "Servable not found for request: Latest(foo)"),
    (
        "/v1/models/m:classify",
        '{"signature_name": "s", "examples": [{}]}',
        "No signature was found with the name: s",
    ),
]


@pytest.mark.parametrize(("target", "body", "text"), ORDER)
def test_the_first_fault_in_the_order_is_said(ask: Ask, target: str, body: str, text: str | None) -> None:
    answer = ask("POST", target, body)
    assert answer.status in (400, 404)
    assert answer.error == text if text else "JSON Value: " in answer.error


def counted(ask: Ask, labels: str) -> int:
    page = ask("GET", "/metrics").body.decode()
    lines = (line for line in page.splitlines() if line.startswith(f":tensorflow:serving:request_count{{{labels}}} "))
    return int(next(lines, " 0").rpartition(" ")[2])


@pytest.mark.parametrize(
    ("method", "target", "body", "labels"),
    [
        ("POST", "/v1/models/m:predict", '{"instances": [1]}', 'model_name="m",status="OK"'),
        ("POST", "/v1/models/m:predict", "", 'model_name="m",status="INVALID_ARGUMENT"'),
        ("POST", "/v1/models/a%2Fb:predict", '{"instances": [1]}', 'model_name="a/b",status="NOT_FOUND"'),
        ("GET", "/v1/models/m", "", 'model_name="m",status="OK"'),
        ("DELETE", "/v1/models/m", "", 'model_name="",status="INVALID_ARGUMENT"'),
    ],
)
def test_every_request_of_the_api_is_counted(ask: Ask, method: str, target: str, body: str, labels: str) -> None:
    before = counted(ask, labels)
    ask(method, target, body)
    assert counted(ask, labels) == before + 1


def test_other_pages_are_not_counted(ask: Ask) -> None:
    before = counted(ask, 'model_name="",status="NOT_FOUND"')
    ask("GET", "/nothing")
    assert counted(ask, 'model_name="",status="NOT_FOUND"') == before
