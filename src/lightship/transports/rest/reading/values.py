"""The values of a parsed JSON document.

These are Python's `None`, `bool`, `int`, `float`, `str`, `list` and `dict`, as in the module `json`, with three
exceptions. If a name is repeated, its first value counts, and `members_of` returns all members. A string may contain
bytes that are not UTF-8 as surrogates (Python's `surrogateescape`); `encoded` returns the original bytes. A long
rectangular array of numbers may be a `NumberArray` instead of a list.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeAlias

from lightship.errors import InvalidArgument
from lightship.transports.rest.reading.numbers import NumberArray

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | NumberArray | None"


class RepeatedNames(dict[str, "JsonValue"]):
    """An object with repeated names.

    A look-up returns the first value of a name; `members` holds all members in order.
    """

    def __init__(self, members: Iterable[tuple[str, JsonValue]]) -> None:
        super().__init__()
        self.members: list[tuple[str, JsonValue]] = []
        for name, value in members:
            self.add(name, value)

    def add(self, name: str, value: JsonValue) -> None:
        self.members.append((name, value))
        self.setdefault(name, value)


def members_of(value: dict[str, JsonValue]) -> Collection[tuple[str, JsonValue]]:
    """Returns all members of an object in the order in which they were sent, including those with repeated names."""
    return value.members if isinstance(value, RepeatedNames) else value.items()


def with_member(value: dict[str, JsonValue], name: str, member: JsonValue) -> dict[str, JsonValue]:
    """Adds a member to an object and returns the object. The result may be a new object."""
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
    """Returns the name of a value's type in error messages.

    The names are `Null`, `True`, `False`, `Object`, `Array`, `String` and `Number`.
    """
    if isinstance(value, bool):
        return "True" if value else "False"
    return _TYPE_WORDS[type(value)]


def decoded(data: bytes) -> str:
    """Decodes the bytes of a JSON string, which need not be UTF-8."""
    return data.decode("utf-8", "surrogateescape")


def encoded(text: str) -> bytes:
    """The inverse of `decoded`: returns the original bytes of the text."""
    return text.encode("utf-8", "surrogateescape")


def syntax_error(reason: str, offset: int) -> InvalidArgument:
    """Returns the error `JSON Parse error: REASON at offset: N`."""
    return InvalidArgument(f"JSON Parse error: {reason} at offset: {offset}")
