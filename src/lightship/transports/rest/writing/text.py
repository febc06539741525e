"""JSON strings and errors in the same form as TensorFlow Serving writes them."""

from __future__ import annotations

import re

from lightship.transports.rest.reading.values import encoded

_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(text: str) -> str:
    """Returns a JSON string. `/` and characters outside ASCII are not escaped.

    When the text is encoded, bytes that are not UTF-8 are unchanged.
    """
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return _SHORT.get(character) or f"\\u{ord(character):04X}"


def error_document(message: str) -> bytes:
    """Returns the body of an error response."""
    return encoded('{\n    "error": ' + quoted(message) + "\n}")
