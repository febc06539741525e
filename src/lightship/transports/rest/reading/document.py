"""Parses a request's JSON.

The C extension reads all JSON, and other threads run meanwhile. Without it, orjson parses short JSON without long
arrays of numbers. orjson refuses everything that it would read differently, except repeated names, of which it takes
the last; so the body is checked for repeated names. If orjson fails, the scanner of Python's `json` is used if it would
read nothing in the body differently. All other JSON is parsed by the complete reader in Python.
"""

from __future__ import annotations

import json
import re
from typing import cast

import orjson

from lightship.errors import InvalidArgument
from lightship.transports.rest.reading import extension
from lightship.transports.rest.reading.native_document import read_natively
from lightship.transports.rest.reading.number_slices import SHORTEST
from lightship.transports.rest.reading.reader import read_document
from lightship.transports.rest.reading.values import JsonValue, RepeatedNames

# Integers that may exceed 64 bits, doubles that may overflow, and escapes that may be lone surrogates.
_READ_DIFFERENTLY = re.compile(rb"[0-9]{18}|[eE]\+?[0-9]{3}|\\u[dD][89a-fA-F]")
# Bytes of JSON that are parsed at once. orjson and the scanner hold the interpreter's lock until they have finished.
_MAX_AT_ONCE = 256 << 10
_NUMBERS = re.compile(rb":[ \t\n\r]*\[[\[ \t\n\r]*[-0-9NI][^\"}]{%d}" % SHORTEST)


def parse(body: bytes) -> JsonValue:
    """Returns the first complete JSON value of `body` and ignores everything after it.

    Raises InvalidArgument with `JSON Parse error: REASON at offset: N`, and ResourceExhausted for more than
    `MAX_CONTAINERS` lists and objects.
    """
    if not body:
        raise InvalidArgument("JSON Parse error: The document is empty")
    if extension.native is not None:
        return read_natively(body)
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
    """Returns whether orjson should parse a body: it is short, and has no long array of numbers."""
    return len(body) <= _MAX_AT_ONCE and not _NUMBERS.search(body)


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


def _scan(text: str) -> object:
    start = len(text) - len(text.lstrip(" \t\n\r"))
    return _DECODER.raw_decode(text, start)[0]


def _first_wins(members: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(members)
    return found if len(found) == len(members) else RepeatedNames(members)


_DECODER = json.JSONDecoder(object_pairs_hook=_first_wins)
