"""A request and an answer, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lightship.errors import Code, LightshipError, TooLarge
from lightship.transports.rest.writing.text import error_document

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


class Request(NamedTuple):
    """`target` is as sent, percent-encoding kept; names of headers are in lower case, their values as sent."""

    method: str
    target: str
    body: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()

    @property
    def path(self) -> str:
        return self.target.partition("#")[0].partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("#")[0].partition("?")[2]

    def with_body(self, body: bytes) -> Request:
        return self._replace(body=body)

    def header(self, name: bytes) -> str:
        """The value of a header, the last one if it was sent twice; empty if it was not sent."""
        found = b""
        for one, value in self.headers:
            if one == name:
                found = value
        return found.decode("latin-1")

    @property
    def content_type(self) -> str:
        return self.header(b"content-type")

    @property
    def is_image(self) -> bool:
        return self.content_type.lower().startswith("image/")


class Response(NamedTuple):
    """`code`, `model` and `api` are for the metrics: the canonical code, the model's name, the method of the URL.
    `close`: nothing more is to be read from the connection."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: Headers = ()
    code: Code = Code.OK
    model: str = ""
    api: str = ""
    close: bool = False


def error_response(error: LightshipError, *, model: str = "", headers: Headers = (), close: bool = False) -> Response:
    """The JSON answer to an error: HTTP status by its code, but 413 for what is too large."""
    status = 413 if isinstance(error, TooLarge) else _STATUS[error.code]
    return Response(status, error_document(error.message), JSON, headers, error.code, model, close=close)


def html_error(status: int, phrase: str) -> Response:
    """The page that libevent, TensorFlow Serving's HTTP server, sends for what it does not route; it closes then."""
    text = f"<HTML><HEAD>\n<TITLE>{status} {phrase}</TITLE>\n</HEAD><BODY>\n<H1>{phrase}</H1>\n</BODY></HTML>\n"
    return Response(status, text.encode(), HTML, code=Code.NOT_FOUND, close=True)
