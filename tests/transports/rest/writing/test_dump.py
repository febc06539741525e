"""Values inside error texts."""

from __future__ import annotations

import math

import pytest

from lightship.transports.rest.reading.document import parse
from lightship.transports.rest.reading.values import JsonValue
from lightship.transports.rest.writing.dump import dump


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"a":[1,2.0,"x\\n\\u0001"],"b":{}}', '{\n    "a": [1, 2.0, "x\\n\\u0001"],\n    "b": {}\n}'),
        (b'{"a":{"b":{"c":[]}}}', '{\n    "a": {\n        "b": {\n            "c": []\n        }\n    }\n}'),
        (b'[{"a":1},[true,false,null]]', '[{\n        "a": 1\n    }, [true, false, null]]'),
        (b"[-0, 18446744073709551615, -9223372036854775808]", "[0, 18446744073709551615, -9223372036854775808]"),
        (b"18446744073709551616", "18446744073709553000.0"),
        (b"[1e2, 1E30, 1e-7, -0.0]", "[100.0, 1e30, 1e-7, -0.0]"),
        (b'"\\ud83d\\ude00/\xc3\xa9"', '"\N{GRINNING FACE}/é"'),
        (b'"\xff"', '"\udcff"'),
        (b"5", "5"),
        (b'"s"', '"s"'),
        (b"null", "null"),
    ],
)
def test_a_value_is_dumped(body: bytes, text: str) -> None:
    assert dump(parse(body)) == text


@pytest.mark.parametrize("body", [b'{"a":1,"b":[2],"a":"x","a":null}', b'{"a":1,"b":[2],"a":"x","a":null} NaN'])
def test_a_name_that_is_repeated_is_dumped_each_time(body: bytes) -> None:
    assert dump(parse(body)) == '{\n    "a": 1,\n    "b": [2],\n    "a": "x",\n    "a": null\n}'


def test_a_dump_ends_at_what_is_not_finite() -> None:
    assert dump(math.nan) == ""
    assert dump([1, math.inf, 2]) == "[1, "
    assert dump({"a": -math.inf, "b": 1}) == '{\n    "a": '


def test_a_dump_ends_after_the_token_that_makes_it_256_bytes_long() -> None:
    text = dump(list(range(1000)))
    assert 256 <= len(text) < 262
    assert dump("x" * 1000) == '"' + "x" * 1000 + '"'


@pytest.mark.parametrize(("length", "end"), [(249, 'x", 1]'), (250, '", 1'), (252, '", 1'), (253, '"')])
def test_bytes_are_counted_and_not_characters(length: int, end: str) -> None:
    text = dump(["é" * (length // 2) + "x" * (length % 2), 1])
    assert text.endswith(end)


def test_a_long_array_of_numbers_is_dumped_like_a_list() -> None:
    body = b'{"x":[' + b"[1,2.50]," * 100 + b"[1e5,3]]}"
    assert dump(parse(body)).startswith('{\n    "x": [[1, 2.5], [1, 2.5], ')
    body = b'{"x":[' + b"[1,18446744073709551616]," * 100 + b"[1e5,3]]}"
    assert dump(parse(body)).startswith('{\n    "x": [[1, 18446744073709553000.0], [1')


@pytest.mark.parametrize("value", ["x" * 100_000, ["x" * 100_000], {"x" * 100_000: 1}])
def test_a_long_string_is_cut(value: JsonValue) -> None:
    text = dump(value)
    assert '"' + "x" * 65_536 + '"' in text
    assert len(text) < 66_000
