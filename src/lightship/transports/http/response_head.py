"""Encodes the head of a response, with the reason phrases of TensorFlow Serving's HTTP server."""

from __future__ import annotations

from functools import lru_cache

from lightship.transports.http.messages import Headers, Response

_REMEMBERED = 64  # heads, of some hundred bytes each
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_PHRASES = {
    200: "OK",
    302: "Found",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    409: "Conflict",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    421: "Misdirected Request",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Time-out",
}
_CLASSES = {2: "Success", 4: "Client Error", 5: "Server Error"}


def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {_PHRASES.get(status) or _CLASSES.get(status // 100, '')}\r\n".encode()


_STATUS_LINES = {status: _status_line(status) for status in range(200, 600)}
_CONNECTION = {(True, True): b"", (False, True): b"Connection: close\r\n"}  # by (keep alive, HTTP/1.1)
_CONNECTION |= {(True, False): b"Connection: keep-alive\r\n", (False, False): b"Connection: close\r\n"}


def encode_head(response: Response, *, keep_alive: bool, http_1_1: bool, date: bytes, further: bytes = b"") -> bytes:
    """Returns the bytes before the body.

    `http_1_1`: the request's version. `date`: the value of the Date header. `further`: complete lines of other headers.
    """
    size = len(response.body)
    lines = _lines(response.status, response.content_type, size, date, keep_alive, http_1_1, response.headers)
    return lines + further + b"\r\n"


@lru_cache(_REMEMBERED)
def _lines(
    status: int, content_type: bytes, size: int, date: bytes, keep_alive: bool, http_1_1: bool, headers: Headers
) -> bytes:
    """Returns all lines but the last ones. They are remembered: most responses within a second have the same."""
    return b"%bContent-Type: %b\r\nContent-Length: %d\r\nDate: %b\r\n%b%b" % (
        _STATUS_LINES[status],
        content_type,
        size,
        date,
        _CONNECTION[keep_alive, http_1_1],
        b"".join([b"%b: %b\r\n" % header for header in headers]),
    )
