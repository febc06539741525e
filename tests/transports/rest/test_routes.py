"""Targets: what they mean, and their corners."""

from __future__ import annotations

import json

import pytest
from tests.transports.rest.conftest import Ask, Raw

from lightship.errors import InvalidArgument
from lightship.transports.rest.routes import Route, get_route, post_route

MALFORMED = [
    ("POST", "/v1/models/m:predict?x=1"),
    ("POST", "/v1/models/m:Predict"),
    ("POST", "/v1/models/m/versions/x:predict"),
    ("POST", "/v1/models/m"),
    ("POST", "/v1/"),
    ("GET", "/v1/models/m/"),
    ("GET", "/v1/models/foo:predict"),
    ("GET", "/v1/models/debug/model_name"),
    ("DELETE", "/v1/models/m"),
    ("PUT", "/v1/models/m:predict"),
    ("PATCH", "/v1/models/m"),
]


@pytest.mark.parametrize(("method", "target"), MALFORMED)
def test_a_malformed_request_is_named(ask: Ask, method: str, target: str) -> None:
    answer = ask(method, target, b'{"instances": [1]}' if method == "POST" else b"")
    assert (answer.status, answer.error) == (400, f"Malformed request: {method} {target}")


def test_names_and_labels_are_unquoted_after_the_match() -> None:
    assert post_route("/v1/models/a%2Fb%3Ac+%zz:predict") == Route("a/b:c+%zz", None, None, "predict")
    assert get_route("/v1/models/m/labels/a%20b/metadata") == Route("m", None, "a b", "metadata")


def test_case_does_not_matter_before_the_method() -> None:
    assert post_route("/V1/Models/m/Versions/7:predict") == Route("m", 7, None, "predict")


def test_a_query_becomes_part_of_a_get() -> None:
    assert get_route("/v1/models/m?x=1").model == "m?x=1"
    assert get_route("/v1/models/metadata") == Route("metadata", None, None, "")


def test_metadata_in_another_case_is_the_status(ask: Ask) -> None:
    assert "model_version_status" in ask("GET", "/v1/models/m/METADATA").json


def test_a_version_beyond_int64_is_named() -> None:
    for version in ("9223372036854775808", "1" * 5000):
        with pytest.raises(InvalidArgument, match="Failed to convert version"):
            post_route(f"/v1/models/m/versions/{version}:predict")
    assert post_route("/v1/models/m/versions/00000000000000000000000123:predict").version == 123


def test_other_paths_get_a_page_and_the_connection_ends(raw: Raw) -> None:
    for target in (b"/", b"/v1", b"/v1x", b"/metrics/x"):
        answer = raw(b"POST " + target + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        head, _, page = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 404 Not Found\r\n")
        assert b"content-type: text/html" in head.lower()
        assert page == (
            b"<HTML><HEAD>\n<TITLE>404 Not Found</TITLE>\n</HEAD><BODY>\n<H1>Not Found</H1>\n</BODY></HTML>\n"
        )


def test_options_are_granted_to_pages_of_the_web(ask: Ask) -> None:
    granted = ask("OPTIONS", "/v1/models/m:predict", Origin="https://example.org")
    assert (granted.status, granted.body) == (200, b"")
    assert ask("OPTIONS", "/v1/whatever").status == 400


@pytest.mark.parametrize(
    ("method", "target", "status", "text"),
    [
        ("GET", "/v1/models/m#f", 404, "Could not find any versions of model m#f"),
        ("GET", "/v1/models/m?x=1", 404, "Could not find any versions of model m?x=1"),
        ("GET", "/v1/models/%6D%zz", 404, "Could not find any versions of model m%zz"),
        ("GET", "/v1/models/a+b", 404, "Could not find any versions of model a+b"),
        ("POST", "/V1/MODELS/m:predict#f", 400, "Malformed request: POST /V1/MODELS/m:predict#f"),
        (
            "POST",
            "/v1/models/m/versions/18446744073709551615:predict",
            400,
            "Failed to convert version: 18446744073709551615 to numeric; the largest version is 9223372036854775807",
        ),
    ],
)
def test_a_target_is_read_as_it_was_sent(raw: Raw, method: str, target: str, status: int, text: str) -> None:
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    answer = raw(head.encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"error": text}


def test_names_are_unquoted_and_versions_may_have_zeros(ask: Ask) -> None:
    assert ask("POST", "/V1/Models/%6d/Versions/000123:predict", '{"instances": [1]}').status == 200


def test_head_has_no_body(raw: Raw) -> None:
    answer = raw(b"HEAD /v1/models/m HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b"\r\n\r\n")
