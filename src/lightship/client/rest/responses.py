"""Reads responses: JSON as TensorFlow Serving writes it, and failures as the exceptions of `lightship.errors`."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from math import ceil
from typing import Any

import orjson

from lightship.client.address import CHECK_ADDRESS, without_password
from lightship.client.hints import HINT, with_hint
from lightship.client.rest.exchange import HttpResponse
from lightship.errors import Code, LightshipError, TooLarge, Unavailable, Unknown, error_of

VERSION_HEADER = "lightship-model-version"
_MAX_VERSION_DIGITS = 19  # of int64

_CODE_OF_STATUS = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    408: Code.DEADLINE_EXCEEDED,
    409: Code.ABORTED,
    412: Code.FAILED_PRECONDITION,
    429: Code.RESOURCE_EXHAUSTED,
    499: Code.CANCELLED,
    500: Code.INTERNAL,
    501: Code.UNIMPLEMENTED,
    502: Code.UNAVAILABLE,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
}


def read_json(response: HttpResponse) -> dict[str, Any]:
    """The JSON object in a successful response. Raises the error that any other response stands for."""
    if response.status != 200:
        raise read_error(response)
    value = _parse(response.body)
    if not isinstance(value, dict):
        raise Unknown(
            f"{_where(response)} answered with {_summary(response)} instead of a JSON object, so {CHECK_ADDRESS}"
        )
    return value


def read_error(response: HttpResponse) -> LightshipError:
    """The error that a response with a status other than 200 stands for, with the server's text if it sent one."""
    value = _parse(response.body)
    if isinstance(value, dict) and isinstance(value.get("error"), str):
        return _error_of(response, with_hint(value["error"], response.headers.get(HINT, "")))
    location = response.headers.get("location")
    hint = f"; it redirects to {location}" if location else ""
    text = (
        f"{_where(response)} answered HTTP {response.status}{_phrase(response.status)} with {_summary(response)}{hint}"
    )
    return _error_of(response, text)


def error_message(response: HttpResponse) -> str:
    """The server's text in the field `error`; empty if there is none."""
    value = _parse(response.body)
    text = value.get("error") if isinstance(value, dict) else None
    return text if isinstance(text, str) else ""


def version_of(response: HttpResponse) -> int | None:
    """The version that answered; None if the server does not say, as TensorFlow Serving."""
    text = response.headers.get(VERSION_HEADER, "")
    return int(text) if text.isdecimal() and len(text) <= _MAX_VERSION_DIGITS else None


def _parse(body: bytes) -> Any:
    """The JSON value; None if it is invalid. Accepts `NaN` and `Infinity`, which TensorFlow Serving writes."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _error_of(response: HttpResponse, text: str) -> LightshipError:
    status = response.status
    if status == 413:
        return TooLarge(text)
    if status == 503:
        return Unavailable(text, max(1, ceil(response.retry_after)))
    general = Code.INVALID_ARGUMENT if 400 <= status < 500 else Code.INTERNAL if status >= 500 else Code.UNKNOWN
    return error_of(_CODE_OF_STATUS.get(status, general), text)


def _where(response: HttpResponse) -> str:
    return without_password(response.url)


def _phrase(status: int) -> str:
    try:
        return f" ({HTTPStatus(status).phrase})"
    except ValueError:
        return ""


def _summary(response: HttpResponse) -> str:
    """The start of a body that is not JSON, short enough for one line. Mostly it is a proxy's HTML page."""
    kind = response.headers.get("content-type", "").partition(";")[0] or "no content type"
    text = " ".join(re.sub(r"<[^>]*>", " ", response.body[:2000].decode("utf-8", "replace")).split())
    return f"{kind} ({text[:100]!r})" if text else f"{kind} and no text"
