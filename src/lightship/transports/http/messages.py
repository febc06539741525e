"""HTTP requests and responses as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lightship.errors import Code
from lightship.memory_budget import NOT_COUNTED, Reservation
from lightship.transports.access_log.record import Recorder

Headers = tuple[tuple[bytes, bytes], ...]

JSON = b"application/json"
HTML = b"text/html"
PLAIN = b"text/plain"
FORM = "multipart/form-data"


class Request(NamedTuple):
    """A request.

    `target` is unchanged, including percent-encoding. Header names are in lower case; header values are unchanged.
    """

    method: str
    target: str
    body: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()
    # Counts the memory that is held for the request. Whoever allocates more for it reserves that first.
    memory: Reservation = NOT_COUNTED
    # The client's address, or "" for a UNIX socket.
    client: str = ""
    # Returns what the access log will tell of the request. None: there is no access log.
    recorder: Recorder | None = None

    @property
    def path(self) -> str:
        return self.target.partition("#")[0].partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("#")[0].partition("?")[2]

    def with_body(self, body: bytes) -> Request:
        return self._replace(body=body)

    def header(self, name: bytes) -> str:
        """Returns the value of a header, or "" if it was not sent.

        If it was sent more than once, the last value counts.
        """
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

    @property
    def is_form(self) -> bool:
        return self.content_type.lower().startswith(FORM)


class Response(NamedTuple):
    """An HTTP response, with what the metrics and the access log need to know of it."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: Headers = ()
    # For the metrics and the access log: the canonical code, the model's name, and the method in the URL.
    code: Code = Code.OK
    model: str = ""
    api: str = ""
    # For the access log: the version that answered.
    version: int | None = None
    # Whether the connection must close after this response.
    close: bool = False


def html_error(status: int, phrase: str) -> Response:
    """Returns libevent's error page for an unknown route. libevent is TensorFlow Serving's HTTP server.

    Like libevent, the connection closes after this page.
    """
    text = f"<HTML><HEAD>\n<TITLE>{status} {phrase}</TITLE>\n</HEAD><BODY>\n<H1>{phrase}</H1>\n</BODY></HTML>\n"
    return Response(status, text.encode(), HTML, code=Code.NOT_FOUND, close=True)
