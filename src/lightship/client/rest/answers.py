"""Answers read: JSON as TensorFlow Serving writes it, and every failure as an error of our one tree."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any

import orjson

from lightship.client.address import without_password
from lightship.client.rest.exchange import Answer
from lightship.errors import Code, LightshipError, TooLarge, Unknown, error_of

VERSION_HEADER = "lightship-model-version"

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


def json_of(answer: Answer) -> dict[str, Any]:
    """The object that a successful answer holds. Raises the error that an unsuccessful one tells of."""
    if answer.status != 200:
        raise error_in(answer)
    value = _parse(answer.body)
    if not isinstance(value, dict):
        raise Unknown(
            f"{_where(answer)} answered with {_summary(answer)} instead of a JSON object; is it a model server?"
        )
    return value


def error_in(answer: Answer) -> LightshipError:
    """The error that an answer with a status other than 200 means, its text the server's own where it gave one."""
    value = _parse(answer.body)
    if isinstance(value, dict) and isinstance(value.get("error"), str):
        return _error_of_status(answer.status, value["error"])
    location = answer.headers.get("location")
    hint = f"; it points to {location}" if location else ""
    text = f"{_where(answer)} answered HTTP {answer.status}{_phrase(answer.status)} with {_summary(answer)}{hint}"
    return _error_of_status(answer.status, text)


def error_text(answer: Answer) -> str:
    """What the server says in `error`, or nothing."""
    value = _parse(answer.body)
    text = value.get("error") if isinstance(value, dict) else None
    return text if isinstance(text, str) else ""


def answering_version(answer: Answer) -> int | None:
    """The version that answered, where the server says so: TensorFlow Serving does not."""
    text = answer.headers.get(VERSION_HEADER, "")
    return int(text) if text.isdecimal() else None


def _parse(body: bytes) -> Any:
    """The JSON value, or None. `NaN` and `Infinity`, which TensorFlow Serving writes, are read too."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _error_of_status(status: int, text: str) -> LightshipError:
    if status == 413:
        return TooLarge(text)
    general = Code.INVALID_ARGUMENT if 400 <= status < 500 else Code.INTERNAL if status >= 500 else Code.UNKNOWN
    return error_of(_CODE_OF_STATUS.get(status, general), text)


def _where(answer: Answer) -> str:
    return without_password(answer.url)


def _phrase(status: int) -> str:
    try:
        return f" ({HTTPStatus(status).phrase})"
    except ValueError:
        return ""


def _summary(answer: Answer) -> str:
    """What a body that is not our JSON holds, short enough for a line: a proxy's page, mostly."""
    kind = answer.headers.get("content-type", "").partition(";")[0] or "no content type"
    text = " ".join(re.sub(r"<[^>]*>", " ", answer.body[:2000].decode("utf-8", "replace")).split())
    return f"{kind} ({text[:100]!r})" if text else f"{kind} and no text"
