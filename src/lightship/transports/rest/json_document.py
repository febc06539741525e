"""A request's JSON, by the quickest way that reads it rightly.

Small texts go to the scanner of Python's `json`, written in C, when nothing in them is read differently there; what it
refuses, and every text that might differ, goes to the complete reader. Long arrays of numbers go to simdjson.
"""

from __future__ import annotations

import json
import re
from typing import cast

from lightship.errors import InvalidArgument
from lightship.transports.rest.json_numbers import SHORTEST
from lightship.transports.rest.json_reader import MOST_CONTAINERS, read_document
from lightship.transports.rest.json_values import JsonValue, RepeatedNames

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
    if _few_containers(body) and not _NUMBERS.search(body) and not _READ_DIFFERENTLY.search(body):
        try:
            return cast(JsonValue, _scan(body.decode()))
        except (ValueError, RecursionError):
            pass  # invalid, not UTF-8, nested deeply: the complete reader knows what to say or do
    return read_document(body)


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
