"""JSON text as TensorFlow Serving writes it: its escapes, its error object, its blanks."""

from __future__ import annotations

import re

from lightship.transports.rest.reading.values import encoded

_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(text: str) -> str:
    """A JSON string. `/` and all that is not ASCII stay as they are; bytes that are not UTF-8 too, when encoded."""
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return _SHORT.get(character) or f"\\u{ord(character):04X}"


def error_document(message: str) -> bytes:
    """The body of every error."""
    return encoded('{\n    "error": ' + quoted(message) + "\n}")
