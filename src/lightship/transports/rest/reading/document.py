"""Parses a request's JSON with the fastest parser that reads it correctly.

JSON without long arrays of numbers is parsed by orjson. It refuses everything that it would read differently, except
repeated names, of which it takes the last; so the body is checked for repeated names. If orjson fails, the scanner of
Python's `json` is used if it would read nothing in the body differently. All other JSON is parsed by the complete
reader, which passes long arrays of numbers to simdjson.
"""

from __future__ import annotations

import json
import re
from typing import cast

import orjson

from lightship.errors import InvalidArgument
from lightship.transports.rest.reading.numbers import SHORTEST
from lightship.transports.rest.reading.reader import MAX_CONTAINERS, read_document
from lightship.transports.rest.reading.values import JsonValue, RepeatedNames

# Integers that may exceed 64 bits, doubles that may overflow, and escapes that may be lone surrogates.
_READ_DIFFERENTLY = re.compile(rb"[0-9]{18}|[eE]\+?[0-9]{3}|\\u[dD][89a-fA-F]")
_MAX_SCANNED = 64 << 20  # bytes; the scanner holds the interpreter lock until it has finished
_NUMBERS = re.compile(rb":[ \t\n\r]*\[[\[ \t\n\r]*[-0-9NI][^\"}]{%d}" % SHORTEST)


def parse(body: bytes) -> JsonValue:
    """Returns the first complete JSON value of `body` and ignores everything after it.

    Raises InvalidArgument with `JSON Parse error: REASON at offset: N`, and ResourceExhausted for more than
    `MAX_CONTAINERS` lists and objects.
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
        pass  # invalid, followed by more text, not UTF-8, not finite, or nested deeply
    return _scanned(body)


def is_for_orjson(body: bytes) -> bool:
    """Returns whether orjson should parse a body.

    This is so if the body has no long array of numbers, at most `MAX_CONTAINERS` lists and objects, and no more bytes
    than the second reader may scan.
    """
    return _few_containers(body) and not _NUMBERS.search(body)


def _scanned(body: bytes) -> JsonValue:
    if not _READ_DIFFERENTLY.search(body):
        try:
            return cast(JsonValue, _scan(body.decode()))
        except (ValueError, RecursionError):
            pass  # the complete reader reads it or raises the right error
    return read_document(body)


def has_each_name_once(document: JsonValue, body: bytes) -> bool:
    """Returns whether no object in a body repeats a name. `document` is the body as orjson parsed it.

    A repeated name adds two quotation marks and a colon that the document does not account for. The result is also
    False if strings contain both of these characters.
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
    return size <= MAX_CONTAINERS or (size <= _MAX_SCANNED and body.count(b"[") + body.count(b"{") <= MAX_CONTAINERS)


def _scan(text: str) -> object:
    start = len(text) - len(text.lstrip(" \t\n\r"))
    return _DECODER.raw_decode(text, start)[0]


def _first_wins(members: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(members)
    return found if len(found) == len(members) else RepeatedNames(members)


_DECODER = json.JSONDecoder(object_pairs_hook=_first_wins)
