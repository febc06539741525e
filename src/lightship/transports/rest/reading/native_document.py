"""Reads JSON documents with the C extension, with the same results and errors as the complete reader in Python."""

from __future__ import annotations

from typing import cast

from lightship.transports.rest.reading import extension
from lightship.transports.rest.reading.numbers import NumberArray
from lightship.transports.rest.reading.reader import MAX_CONTAINERS, too_many_containers
from lightship.transports.rest.reading.values import JsonValue, syntax_error, with_member

# By the numbers of `Fault` in native/number.h.
_REASONS = (
    "",
    "The document is empty.",
    "Invalid value.",
    "Miss fraction part in number.",
    "Miss exponent in number.",
    "Number too big to be stored in double.",
    "Missing a name for object member.",
    "Missing a colon after a name of object member.",
    "Missing a comma or ']' after an array element.",
    "Missing a comma or '}' after an object member.",
    "Missing a closing quotation mark in string.",
    "Invalid escape character in string.",
    "Incorrect hex digit after \\u escape in string.",
    "The surrogate pair in string is invalid.",
)


def read_natively(body: bytes, *, only_lists: bool = False) -> JsonValue:
    """Returns the first complete value of `body`. Needs the C extension.

    Most of the work is done without the interpreter's lock; while objects are built, the lock is released from time to
    time. With `only_lists`, no array of numbers becomes a `NumberArray`. Raises the errors of `read_document`.
    """
    assert extension.native is not None
    start = 3 if body.startswith(b"\xef\xbb\xbf") else 0
    value, fault, offset = extension.native.read_document(
        body, start, MAX_CONTAINERS, only_lists, NumberArray.of_buffer, with_member
    )
    if fault == 0:
        return cast(JsonValue, value)
    if fault == len(_REASONS):
        raise too_many_containers(MAX_CONTAINERS)
    raise syntax_error(_REASONS[fault], offset)
