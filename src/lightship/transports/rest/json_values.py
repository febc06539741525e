"""What a JSON document is once read.

`None`, `bool`, `int`, `float`, `str`, `list` and `dict` as in Python's `json`, except that the first of duplicate names
wins, a string may hold bytes that are not UTF-8 (Python's `surrogateescape`; `encode` gives the client's bytes back),
and a long array of numbers is a `NumberArray`, never a list of Python objects.
"""

from __future__ import annotations

from typing import TypeAlias

from lightship.errors import InvalidArgument
from lightship.transports.rest.json_numbers import NumberArray

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | NumberArray | None"

_TYPE_WORDS: dict[type, str] = {
    type(None): "Null",
    dict: "Object",
    list: "Array",
    NumberArray: "Array",
    str: "String",
    int: "Number",
    float: "Number",
}


def type_word(value: JsonValue) -> str:
    """`Null`, `True`, `False`, `Object`, `Array`, `String` or `Number`, as error texts name a value's type."""
    if isinstance(value, bool):
        return "True" if value else "False"
    return _TYPE_WORDS[type(value)]


def decoded(data: bytes) -> str:
    """Text of a JSON string's bytes, whatever they are."""
    return data.decode("utf-8", "surrogateescape")


def encoded(text: str) -> bytes:
    """The bytes that `decoded` was given."""
    return text.encode("utf-8", "surrogateescape")


def syntax_error(reason: str, offset: int) -> InvalidArgument:
    """`JSON Parse error: REASON at offset: N`."""
    return InvalidArgument(f"JSON Parse error: {reason} at offset: {offset}")
