"""Which HTTP status an error has, and how its text is written."""

from __future__ import annotations

import json

import pytest

from lightship.errors import Code, InvalidArgument, TooLarge, error_of
from lightship.transports.http.messages import Request, Response
from lightship.transports.http.response_head import encode_head
from lightship.transports.rest.errors import error_response

STATUSES = [
    (Code.CANCELLED, 499, "Client Error"),
    (Code.UNKNOWN, 500, "Internal Server Error"),
    (Code.INVALID_ARGUMENT, 400, "Bad Request"),
    (Code.DEADLINE_EXCEEDED, 504, "Gateway Time-out"),
    (Code.NOT_FOUND, 404, "Not Found"),
    (Code.ALREADY_EXISTS, 409, "Conflict"),
    (Code.PERMISSION_DENIED, 403, "Forbidden"),
    (Code.RESOURCE_EXHAUSTED, 429, "Client Error"),
    (Code.FAILED_PRECONDITION, 400, "Bad Request"),
    (Code.ABORTED, 409, "Conflict"),
    (Code.OUT_OF_RANGE, 400, "Bad Request"),
    (Code.UNIMPLEMENTED, 501, "Not Implemented"),
    (Code.INTERNAL, 500, "Internal Server Error"),
    (Code.UNAVAILABLE, 503, "Service Unavailable"),
    (Code.DATA_LOSS, 500, "Internal Server Error"),
    (Code.UNAUTHENTICATED, 401, "Unauthorized"),
]


@pytest.mark.parametrize(("code", "status", "phrase"), STATUSES)
def test_each_code_has_its_status_and_phrase(code: Code, status: int, phrase: str) -> None:
    response = error_response(error_of(code, "text"))
    assert (response.status, response.code) == (status, code)
    head = encode_head(response, keep_alive=True, http_1_1=True, date=b"now")
    assert head.startswith(f"HTTP/1.1 {status} {phrase}\r\n".encode())


def test_every_code_is_in_the_table() -> None:
    assert {code for code, _, _ in STATUSES} == set(Code) - {Code.OK}


def test_what_is_too_large_is_413() -> None:
    assert error_response(TooLarge("text")).status == 413


def test_an_error_is_written_with_these_escapes_and_no_others() -> None:
    text = '"\\\b\f\n\r\t\x01\x1f/é€'
    written = r"\"\\\b\f\n\r\t\u0001\u001F/é€"
    body = error_response(InvalidArgument(text)).body
    assert body == ('{\n    "error": "' + written + '"\n}').encode()
    assert json.loads(body) == {"error": text}


def test_bytes_that_are_not_utf_8_go_through() -> None:
    assert b"a\xffb" in error_response(InvalidArgument("a\udcffb")).body


@pytest.mark.parametrize(
    ("keep_alive", "modern", "header"),
    [(True, True, b""), (False, True, b"close"), (True, False, b"keep-alive"), (False, False, b"close")],
)
def test_the_connection_header_says_what_is_not_the_rule(keep_alive: bool, modern: bool, header: bytes) -> None:
    head = encode_head(Response(200, b"12"), keep_alive=keep_alive, http_1_1=modern, date=b"now")
    names = {line.partition(b": ")[0]: line.partition(b": ")[2] for line in head.split(b"\r\n")[1:] if line}
    assert names.get(b"Connection", b"") == header
    assert names[b"Content-Length"] == b"2"
    assert names[b"Date"] == b"now"
    assert set(names) <= {b"Content-Type", b"Content-Length", b"Date", b"Connection"}


def test_a_target_is_taken_apart() -> None:
    request = Request("GET", "/a%20b?x=1?y#z?", b"", [(b"accept", b"a"), (b"accept", b"b")])
    assert (request.path, request.query) == ("/a%20b", "x=1?y")
    assert request.header(b"accept") == "b"
    assert request.header(b"origin") == ""
