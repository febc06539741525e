"""A request's JSON, by the quickest way that reads it rightly.

Texts without long arrays of numbers go to orjson, which refuses what it reads differently, but for repeated names: of
these it takes the last, so the text is counted for signs of them. Then comes the scanner of Python's `json`, where
nothing in the text is read differently there. What is left goes to the complete reader, and long arrays of numbers,
through it, to simdjson.
"""

from __future__ import annotations

import json
import re
from typing import cast

import orjson

from lightship.errors import InvalidArgument
from lightship.transports.rest.reading.numbers import SHORTEST
from lightship.transports.rest.reading.reader import MOST_CONTAINERS, read_document
from lightship.transports.rest.reading.values import JsonValue, RepeatedNames

# Integers that may not fit 64 bits, doubles that may overflow, escapes that may be lone surrogates.
_READ_DIFFERENTLY = re.compile(rb"[0-9]{18}|[eE]\+?[0-9]{3}|\\u[dD][89a-fA-F]")
_LONGEST_SCANNED = 64 << 20  # bytes; the scanner keeps the interpreter's lock until it is done
_NUMBERS = re.compile(rb":[ \t\n\r]*\[[\[ \t\n\r]*[-0-9NI][^\"}]{%d}" % SHORTEST)


def parse(body: bytes) -> JsonValue:
    """The first complete JSON value of `body`; what follows it is ignored.

    Raises InvalidArgument: `JSON Parse error: REASON at offset: N`; ResourceExhausted for millions of lists.
    """
    if not body:
        raise InvalidArgument("JSON Parse error: The document is empty")
    if not is_for_orjson(body):
        return read_document(body)
    try:
        document: JsonValue = orjson.loads(body)
        if has_each_name_once(document, body):
            return document
    except ValueError:
        pass  # invalid, followed by more, not UTF-8, not finite, nested deeply
    return _scanned(body)


def is_for_orjson(body: bytes) -> bool:
    """Whether a body is without long arrays of numbers, and without millions of lists and objects."""
    return _few_containers(body) and not _NUMBERS.search(body)


def _scanned(body: bytes) -> JsonValue:
    if not _READ_DIFFERENTLY.search(body):
        try:
            return cast(JsonValue, _scan(body.decode()))
        except (ValueError, RecursionError):
            pass  # the complete reader knows what to say or do
    return read_document(body)


def has_each_name_once(document: JsonValue, body: bytes) -> bool:
    """Whether no object of a body, as orjson read it, has a name twice.

    A name more would be two quotation marks and a colon more than the document accounts for. False, too, where strings
    hold both of these.
    """
    names = texts = 0
    rest = [document]
    while rest:
        value = rest.pop()
        if isinstance(value, str):
            texts += 1
        elif isinstance(value, dict):
            names += len(value)
            rest += value.values()
        elif isinstance(value, list):
            rest += value
    return body.count(b'"') == 2 * (names + texts) or body.count(b":") == names


def _few_containers(body: bytes) -> bool:
    size = len(body)
    return size <= MOST_CONTAINERS or (
        size <= _LONGEST_SCANNED and body.count(b"[") + body.count(b"{") <= MOST_CONTAINERS
    )


def _scan(text: str) -> object:
    start = len(text) - len(text.lstrip(" \t\n\r"))
    return _DECODER.raw_decode(text, start)[0]


def _first_wins(members: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(members)
    return found if len(found) == len(members) else RepeatedNames(members)


_DECODER = json.JSONDecoder(object_pairs_hook=_first_wins)
