"""What a JSON document is once read.

`None`, `bool`, `int`, `float`, `str`, `list` and `dict` as in Python's `json`, except that the first of duplicate names
wins (`members_of` has them all), a string may hold bytes that are not UTF-8 (Python's `surrogateescape`; `encode` gives
the client's bytes back), and a long array of numbers is a `NumberArray`, never a list of Python objects.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeAlias

from lightship.errors import InvalidArgument
from lightship.transports.rest.reading.numbers import NumberArray

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | NumberArray | None"


class RepeatedNames(dict[str, "JsonValue"]):
    """An object in which a name stands more than once: looked up, the first; `members` are all, in order."""

    def __init__(self, members: Iterable[tuple[str, JsonValue]]) -> None:
        super().__init__()
        self.members: list[tuple[str, JsonValue]] = []
        for name, value in members:
            self.add(name, value)

    def add(self, name: str, value: JsonValue) -> None:
        self.members.append((name, value))
        self.setdefault(name, value)


def members_of(value: dict[str, JsonValue]) -> Collection[tuple[str, JsonValue]]:
    """An object's members as they were sent."""
    return value.members if isinstance(value, RepeatedNames) else value.items()


def with_member(value: dict[str, JsonValue], name: str, member: JsonValue) -> dict[str, JsonValue]:
    """The object with one member more; it may be another object than before."""
    if name not in value and not isinstance(value, RepeatedNames):
        value[name] = member
        return value
    repeated = value if isinstance(value, RepeatedNames) else RepeatedNames(value.items())
    repeated.add(name, member)
    return repeated


_TYPE_WORDS: dict[type, str] = {
    type(None): "Null",
    dict: "Object",
    RepeatedNames: "Object",
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
