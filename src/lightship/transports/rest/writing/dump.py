"""Writes a JSON value in an error message (`JSON Value: ...`) as TensorFlow Serving's debug dump does.

Objects take several lines with an indent of 4, and arrays take one line. The text ends after the token that makes it
256 bytes long, and before a number that is not finite, without a sign of the cut. Repeated names are all shown. A
string of more than 64 KB is cut, which TensorFlow Serving does not do.
"""

from __future__ import annotations

import contextlib
import math

from lightship.transports.rest.reading.numbers import NumberArray, number_of
from lightship.transports.rest.reading.values import JsonValue, encoded, members_of
from lightship.transports.rest.writing.doubles import double_text
from lightship.transports.rest.writing.text import quoted

_ENOUGH = 256
_MAX_STRING = 64 << 10  # characters


class _Stop(Exception):
    pass


def dump(value: JsonValue) -> str:
    """Returns the debug text of a value."""
    writer = _Writer()
    with contextlib.suppress(_Stop):
        writer.value(value)
    return "".join(writer.pieces)


class _Writer:
    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.length = 0
        self.depth = 0

    def token(self, text: str) -> None:
        self.pieces.append(text)
        self.length += len(encoded(text))
        if self.length >= _ENOUGH:
            raise _Stop

    def value(self, value: JsonValue, before: str = "") -> None:
        if isinstance(value, NumberArray):
            self.numbers(value, before)
        elif isinstance(value, list):
            self.array(value, before)
        elif isinstance(value, dict):
            self.object(value, before)
        else:
            self.scalar(value, before)

    def scalar(self, value: bool | int | float | str | None, before: str) -> None:
        if isinstance(value, float) and not math.isfinite(value):
            self.pieces.append(before)
            raise _Stop
        self.token(before + scalar_text(value))

    def array(self, values: list[JsonValue], before: str) -> None:
        self.token(before + "[")
        self.depth += 1
        for index, value in enumerate(values):
            self.value(value, ", " if index else "")
        self.depth -= 1
        self.token("]")

    def object(self, members: dict[str, JsonValue], before: str) -> None:
        self.token(before + "{")
        self.depth += 1
        for index, (name, value) in enumerate(members_of(members)):
            self.token(("," if index else "") + self.line() + scalar_text(name))
            self.value(value, ": ")
        self.depth -= 1
        self.token((self.line() if members else "") + "}")

    def line(self) -> str:
        return "\n" + " " * (4 * self.depth)

    def numbers(self, array: NumberArray, before: str) -> None:
        for token in array.tokens():
            if token == b"]":
                self.token("]")
            elif token == b"[":
                self.token(before + "[")
            else:
                self.scalar(number_of(token), before)
            before = "" if token == b"[" else ", "


def scalar_text(value: bool | int | float | str | None) -> str:
    if isinstance(value, str):
        return quoted(value[:_MAX_STRING])
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value) if isinstance(value, int) else double_text(value)
