"""Values inside error texts."""

from __future__ import annotations

import math

import pytest

from lightship.transports.rest.json_document import parse
from lightship.transports.rest.json_dump import double_text, dump


@pytest.mark.parametrize(
    ("number", "text"),
    [(100.0, "100.0"), (1e30, "1e30"), (0.1, "0.1"), (1e-7, "1e-7"), (1.5e-9, "1.5e-9"), (-0.0, "-0.0"), (0.5, "0.5")]
    + [(1e20, "100000000000000000000.0"), (1e21, "1e21"), (1.25e22, "1.25e22"), (0.00001, "0.00001")],
)
def test_doubles_have_the_shortest_text(number: float, text: str) -> None:
    assert double_text(number) == text


def test_objects_take_lines_and_arrays_do_not() -> None:
    assert dump(parse(b'{"a":[1,2.0,"x\\n\\u0001"],"b":{}}')) == (
        '{\n    "a": [1, 2.0, "x\\n\\u0001"],\n    "b": {}\n}'
    )


def test_a_dump_ends_at_what_is_not_finite() -> None:
    assert dump(math.nan) == ""
    assert dump([1, math.inf, 2]) == "[1, "


def test_a_dump_ends_after_the_token_that_makes_it_256_bytes_long() -> None:
    text = dump(list(range(1000)))
    assert 256 <= len(text) < 262
    assert dump("x" * 1000) == '"' + "x" * 1000 + '"'


def test_a_long_array_of_numbers_is_dumped_like_a_list() -> None:
    body = b'{"x":[' + b"[1,2.50]," * 100 + b"[1e5,3]]}"
    assert dump(parse(body)).startswith('{\n    "x": [[1, 2.5], [1, 2.5], ')
