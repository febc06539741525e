"""A request and an answer, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lightship.errors import Code, LightshipError, TooLarge
from lightship.transports.rest.json_text import error_document

Headers = tuple[tuple[bytes, bytes], ...]

JSON = b"application/json"
HTML = b"text/html"
PLAIN = b"text/plain"

_STATUS = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is as sent, percent-encoding kept; names of headers are in lower case, their values as sent."""

    method: str
    path: str
    query: str
    body: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    def with_body(self, body: bytes) -> Request:
        return replace(self, body=body)

    def header(self, name: bytes) -> str:
        """The value of a header, the last one if it was sent twice; empty if it was not sent."""
        return next((value.decode("latin-1") for one, value in reversed(self.headers) if one == name), "")

    @property
    def content_type(self) -> str:
        return self.header(b"content-type")

    @property
    def is_image(self) -> bool:
        return self.content_type.lower().startswith("image/")


@dataclass(frozen=True, slots=True)
class Response:
    """`code`, `model` and `api` are for the metrics: the canonical code, the model's name, the method of the URL."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: Headers = ()
    code: Code = Code.OK
    model: str = ""
    api: str = ""


def error_response(error: LightshipError, *, model: str = "", headers: Headers = ()) -> Response:
    """The JSON answer to an error: HTTP status by its code, but 413 for what is too large."""
    status = 413 if isinstance(error, TooLarge) else _STATUS[error.code]
    return Response(status, error_document(error.message), JSON, headers, error.code, model)


def html_error(status: int, phrase: str) -> Response:
    """The page that libevent, TensorFlow Serving's HTTP server, sends for what it does not route; it closes then."""
    text = f"<HTML><HEAD>\n<TITLE>{status} {phrase}</TITLE>\n</HEAD><BODY>\n<H1>{phrase}</H1>\n</BODY></HTML>\n"
    return Response(status, text.encode(), HTML, ((b"connection", b"close"),), Code.NOT_FOUND)
