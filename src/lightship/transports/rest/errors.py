"""Converts errors to responses: the HTTP status of each canonical code, and TensorFlow Serving's JSON."""

from __future__ import annotations

from lightship.errors import Code, LightshipError, TooLarge, Unavailable
from lightship.services.hints import Hints, with_expected_shapes
from lightship.transports.http.messages import JSON, Headers, Response
from lightship.transports.rest.writing.text import error_document

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


def error_response(error: LightshipError, *, model: str = "", headers: Headers = (), close: bool = False) -> Response:
    """Returns the JSON response to an error. The status depends on the error's code, but TooLarge always gives 413.

    The response to Unavailable says after how many seconds a client may try again.
    """
    if isinstance(error, Unavailable):
        headers = (*headers, (b"Retry-After", b"%d" % error.retry_after))
    status = 413 if isinstance(error, TooLarge) else _STATUS[error.code]
    return Response(status, error_document(error.message), JSON, headers, error.code, model, close=close)


def hint_header(hints: Hints | None, error: LightshipError) -> Headers:
    """Returns the header with the hint of an error; nothing if there is none, or if hints are not sent."""
    hint = "" if hints is None else hints.hint(error)
    return ((b"Lightship-Hint", hint.encode()),) if hint else ()


def worded(hints: Hints | None, error: LightshipError) -> LightshipError:
    """Returns the error as it is told to the client; as it is if hints are not sent."""
    return error if hints is None else with_expected_shapes(error)
