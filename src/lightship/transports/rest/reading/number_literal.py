"""Reads one number as RapidJSON does: NaN and Infinity are numbers, and integers of up to 64 bits stay integers."""

from __future__ import annotations

import math
import re

from lightship.transports.rest.reading.values import syntax_error

_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NON_FINITE = re.compile(rb"-?(?:NaN|Inf(?:inity)?)")


def read_number(body: bytes, start: int) -> tuple[int | float, int]:
    """Returns the number at `start` and the offset after it. Raises the same InvalidArgument as `read_document`."""
    match = _NUMBER.match(body, start)
    if match is None:
        return _non_finite(body, start)
    _check_end(body, match)
    text = match.group()
    if match.group(1) is None and match.group(2) is None:
        return _integer(text, start), match.end()
    return _double(text, start), match.end()


def _check_end(body: bytes, match: re.Match[bytes]) -> None:
    """Raises an error if `.` or `e` follows the number, because digits are then missing."""
    end = match.end()
    byte = body[end : end + 1]
    if byte == b"." and match.group(1) is None and match.group(2) is None:
        raise syntax_error("Miss fraction part in number.", end + 1)
    if byte in (b"e", b"E") and match.group(2) is None:
        signed = body[end + 1 : end + 2] in (b"+", b"-")
        raise syntax_error("Miss exponent in number.", end + 1 + signed)


def _integer(text: bytes, start: int) -> int | float:
    if len(text) < 19:
        return int(text)
    if len(text) <= 20 and -(1 << 63) <= (number := int(text)) < 1 << 64:
        return number
    return _double(text, start)


def _double(text: bytes, start: int) -> float:
    number = float(text)
    if math.isinf(number):
        raise syntax_error("Number too big to be stored in double.", start)
    return number


def _non_finite(body: bytes, start: int) -> tuple[float, int]:
    match = _NON_FINITE.match(body, start)
    if match is None or (match.group().endswith(b"Inf") and body[match.end() : match.end() + 1] == b"i"):
        raise syntax_error("Invalid value.", _mismatch(body, start))
    return float(match.group()), match.end()


def _mismatch(body: bytes, start: int) -> int:
    """Returns the offset of the first byte that differs from `NaN` or `Infinity` after an optional minus sign."""
    position = start + body.startswith(b"-", start)
    word = b"NaN" if body.startswith(b"N", position) else b"Infinity"
    for expected in word:
        if position >= len(body) or body[position] != expected:
            break
        position += 1
    return position
