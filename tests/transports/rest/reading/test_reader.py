"""The grammar, the reasons and the offsets of RapidJSON, by whichever way a text is read."""

from __future__ import annotations

import math
import time

import pytest

from lightship.errors import InvalidArgument, ResourceExhausted
from lightship.transports.rest.reading import reader
from lightship.transports.rest.reading.document import parse
from lightship.transports.rest.reading.reader import read_document
from lightship.transports.rest.reading.values import JsonValue, members_of

FAULTS = [
    (b" ", "The document is empty.", 1),
    (b"]", "The document is empty.", 0),
    (b"instances = [1, 2]", "Invalid value.", 0),
    (b'{"x":+1}', "Invalid value.", 5),
    (b'{"x": tru}', "Invalid value.", 9),
    (b"[1,]", "Invalid value.", 3),
    (b'{"a":', "Invalid value.", 5),
    (b"nan", "Invalid value.", 1),
    (b"[.5]", "Invalid value.", 1),
    (b"[-]", "Invalid value.", 2),
    (b"[Infi]", "Invalid value.", 5),
    (b"[+Infinity]", "Invalid value.", 1),
    (b"['a']", "Invalid value.", 1),
    (b"[/**/1]", "Invalid value.", 1),
    (b"[1, // one", "Invalid value.", 4),
    (b"[inf]", "Invalid value.", 1),
    (b"[-nan]", "Invalid value.", 2),
    (b"[+1]", "Invalid value.", 1),
    (b"[nul]", "Invalid value.", 4),
    (b"{", "Missing a name for object member.", 1),
    (b"{a:1}", "Missing a name for object member.", 1),
    (b'{"a":1,}', "Missing a name for object member.", 7),
    (b'{"a"', "Missing a colon after a name of object member.", 4),
    (b'{"a" 1}', "Missing a colon after a name of object member.", 5),
    (b'{"instances":[1]', "Missing a comma or '}' after an object member.", 16),
    (b'{"x":01}', "Missing a comma or '}' after an object member.", 6),
    (b"[1 2]", "Missing a comma or ']' after an array element.", 3),
    (b'{"x":"\\u12G4"}', "Incorrect hex digit after \\u escape in string.", 6),
    (b'{"x":"\\ud800"}', "The surrogate pair in string is invalid.", 6),
    (b'{"x":"\\ud800\\u0041"}', "The surrogate pair in string is invalid.", 6),
    (b'{"x":"\\q"}', "Invalid escape character in string.", 6),
    (b'{"x":"a\nb"}', "Invalid escape character in string.", 7),
    (b'{"x":"a}', "Missing a closing quotation mark in string.", 8),
    (b'{"x":1e400}', "Number too big to be stored in double.", 5),
    (b"[1, -2e308]", "Number too big to be stored in double.", 4),
    (b'{"x":1.}', "Miss fraction part in number.", 7),
    (b'{"x":1e}', "Miss exponent in number.", 7),
]

VALUES: list[tuple[bytes, object]] = [
    (b'{"instances":[1]} garbage', {"instances": [1]}),
    (b"\xef\xbb\xbf [1]", [1]),
    (b'{"a":1,"a":2}', {"a": 1}),
    (b'{"a":1,"b":0,"a":2,"b":3}', {"a": 1, "b": 0}),
    (b"[-0, 1.0, 1e2]", [0, 1.0, 100.0]),
    (b"[18446744073709551615, -9223372036854775808]", [18446744073709551615, -9223372036854775808]),
    (b"[18446744073709551616]", [18446744073709551616.0]),
    (b"[-9223372036854775809]", [-9223372036854775808.0]),
    (b"[1e-999, 0e400]", [0.0, 0.0]),
    (b'["\\udc00", "\\uDFFFx"]', ["\udced\udcb0\udc80", "\udced\udcbf\udcbfx"]),
    (b'{"\\u0000": "\x7f"}', {"\0": "\x7f"}),
    (b'"s"', "s"),
    (b"[Inf, -Inf, Infinity, -Infinity]", [math.inf, -math.inf, math.inf, -math.inf]),
    (b'["\\ud83d\\ude00", "\\u0000", "\\/"]', ["\N{GRINNING FACE}", "\0", "/"]),
    (b'["\xff"]', ["\udcff"]),
    (b'[true, false, null, {}, [], ""]', [True, False, None, {}, [], ""]),
]


@pytest.mark.parametrize(("text", "reason", "offset"), FAULTS)
def test_a_fault_is_named_with_its_offset(text: bytes, reason: str, offset: int) -> None:
    for read in (parse, read_document):
        with pytest.raises(InvalidArgument) as caught:
            read(text)
        assert caught.value.message == f"JSON Parse error: {reason} at offset: {offset}"


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_a_value_is_read(text: bytes, value: object) -> None:
    for read in (parse, read_document):
        assert repr(read(text)) == repr(value)


def test_an_empty_body_has_no_offset() -> None:
    with pytest.raises(InvalidArgument, match=r"^JSON Parse error: The document is empty$"):
        parse(b"")


def test_nan_is_a_number_with_either_sign() -> None:
    value = parse(b"[NaN, -NaN]")
    assert isinstance(value, list)
    assert all(isinstance(number, float) and math.isnan(number) for number in value)


def test_nesting_has_no_limit() -> None:
    value = parse(b"[" * 500_000 + b"]" * 500_000)
    depth = 0
    while isinstance(value, list):
        value, depth = (value[0] if value else None), depth + 1
    assert depth == 500_000


@pytest.mark.parametrize("opening", [b'{"x":', b'[ {"" : ', b"[", b'[[{"]": {"[" :\n'])
def test_what_opens_by_the_hundred_thousand_is_read_in_a_moment(opening: bytes) -> None:
    text = opening * 400_000
    start = time.process_time()
    with pytest.raises(InvalidArgument, match=f"Invalid value. at offset: {len(text)}$"):
        read_document(text)
    assert time.process_time() - start < 20  # seconds; it takes one or two


def test_what_opens_together_is_what_opens_one_by_one() -> None:
    text = b'[{"]" : [[ {"{\xff":{"a\\n":[{"x":{"":[[],[{"{}":[ 1'
    value: JsonValue = {"]": [[{"{\udcff": {"a\n": [{"x": {"": [[], [{"{}": [1]}]]}}]}}]]}
    assert read_document(text + b"]}]]}}]}}]]}]") == [value]
    with pytest.raises(InvalidArgument, match="Missing a comma or ']' after an array element. at offset: 48"):
        read_document(text)


def test_a_flood_of_brackets_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_CONTAINERS", 1000)
    for flood in (b"[" * 2000, b'{"":' * 2000, b"[" + b"[]," * 2000, b"[" + b"{}," * 2000):
        with pytest.raises(ResourceExhausted, match="more than 1000 lists and objects"):
            read_document(flood)


@pytest.mark.parametrize(
    ("text", "members"),
    [
        (b'{"a": "x", "a": "y"}', [("a", "x"), ("a", "y")]),
        (b'{"a" : 1, "a": 2, "b": ":"}', [("a", 1), ("a", 2), ("b", ":")]),
        (b'{"a": ":", "a": "\\":\\""}', [("a", ":"), ("a", '":"')]),
        (b'{"a": 1, "\\u0061": 2}', [("a", 1), ("a", 2)]),
    ],
)
def test_names_that_are_repeated_are_noticed_whatever_the_texts_hold(text: bytes, members: list[object]) -> None:
    for value in (parse(text), parse(text + b" more"), read_document(text)):
        assert isinstance(value, dict)
        assert list(members_of(value)) == members
        assert value["a"] == members[0][1]  # type: ignore[index]
