"""Makes text of a client, a server or a file safe to print: in a log, on a terminal, as JSON.

A line break in a model's name could forge a log line, an escape sequence could change what a terminal shows, and a mark
that changes the direction of writing could make a name look like another one.
"""

from __future__ import annotations

import re
from typing import Any

# Control characters (C0, DEL, C1), marks without width or that change the direction, line and paragraph separators,
# tags, and lone surrogates, which cannot be encoded.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def printable(text: str) -> str:
    """Returns the text in one line, with each control character written as an escape such as \n, \x1b or \u202e."""
    return text if text.isascii() and text.isprintable() else _UNPRINTABLE.sub(_escape, text)


def printable_lines(text: str) -> str:
    """Returns `printable` of each line of a text."""
    return "\n".join(map(printable, text.split("\n")))


def json_line(fields: Any, *, indented: bool = False) -> str:
    """Returns JSON of a value in which each control character is an escape, so that it is safe to print.

    Unknown types are written as text, and so are lone surrogates, as the six characters of their escapes.
    """
    import orjson  # clients need it over HTTP only, and show their results by `printable`

    option = orjson.OPT_INDENT_2 if indented else 0
    try:
        text = orjson.dumps(fields, default=str, option=option).decode()
    except TypeError:  # a lone surrogate, or a dictionary's key that is not a text
        text = orjson.dumps(_without_surrogates(fields), default=str, option=option).decode()
    return "\n".join(_UNPRINTABLE.sub(_json_escape, line) for line in text.split("\n"))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if match[0] in _SHORT:
        return _SHORT[match[0]]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, dict):
        return {_without_surrogates(str(key)): _without_surrogates(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_surrogates(one) for one in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str(value).encode("utf-8", "backslashreplace").decode()
