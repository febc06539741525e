"""A request and an answer, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lightship.errors import Code

Headers = tuple[tuple[bytes, bytes], ...]

JSON = b"application/json"
HTML = b"text/html"
PLAIN = b"text/plain"


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


def html_error(status: int, phrase: str) -> Response:
    """The page that libevent, TensorFlow Serving's HTTP server, sends for what it does not route; it closes then."""
    text = f"<HTML><HEAD>\n<TITLE>{status} {phrase}</TITLE>\n</HEAD><BODY>\n<H1>{phrase}</H1>\n</BODY></HTML>\n"
    return Response(status, text.encode(), HTML, code=Code.NOT_FOUND, close=True)
