"""Our C reads every number to the last bit, proves every shape, and leaves alone what it does not understand."""

from __future__ import annotations

import json
import random
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightship.errors import InvalidArgument
from lightship.transports.rest.reading import numbers
from lightship.transports.rest.reading.numbers import NumberArray, read_numbers
from lightship.transports.rest.reading.reader import read_document
from lightship.transports.rest.reading.values import JsonValue

number_array = pytest.importorskip(
    "lightship.transports.rest.json._number_array", reason="there was no C compiler when the package was installed"
)

PARTS = st.lists(
    st.sampled_from([*"0123456789", "00000000", "99999999", ".", "e", "E", "-", "+", ",", "[", "]", " ", "\n", "NaN"]),
    max_size=40,
)
DECIMALS = st.from_regex(r"-?(0|[1-9][0-9]{0,21})(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?", fullmatch=True)


def values_of(text: bytes) -> np.ndarray[Any, Any]:
    """What C makes of a long enough array."""
    array, end = numbers._compiled(text, 0)
    assert array is not None
    assert end == len(text)
    return array.values


def as_doubles(texts: list[str]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The bits of the doubles of texts that make 300 bytes at least, by C and by Python."""
    body = ("[" + ", ".join(["0.5", *texts]) + " " * 300 + "]").encode()
    return values_of(body)[1:].view(np.uint64), np.array([float(text) for text in texts], np.float64).view(np.uint64)


def read(body: bytes) -> tuple[str, JsonValue]:
    """How a document is read: the words of its error, or its value."""
    try:
        value = read_document(body)
    except InvalidArgument as error:
        return str(error), None
    return type(value).__name__, value


@pytest.mark.parametrize("digits", [1, 5, 9, 16, 17, 18, 19])
def test_a_decimal_becomes_the_nearest_double(digits: int) -> None:
    chance = random.Random(digits)
    texts = [
        f"{chance.choice(['', '-'])}{chance.randrange(10 ** chance.randrange(4))}."
        f"{'0' * chance.choice([0, 0, 3, 12, 40])}{chance.randrange(10**digits):0{digits}}"
        f"{chance.choice(['', '', '', 'e-5', 'E+02', 'e-40'])}"
        for _ in range(200)
    ]
    np.testing.assert_array_equal(*as_doubles(texts))


def test_doubles_as_they_are_printed_come_back() -> None:
    doubles = np.random.default_rng(1).random(20_000, np.float32).astype(np.float64)
    np.testing.assert_array_equal(values_of(json.dumps(doubles.tolist()).encode()), doubles)
    doubles = np.random.default_rng(2).standard_normal(20_000) * 1e-3
    np.testing.assert_array_equal(values_of(json.dumps(doubles.tolist()).encode()), doubles)


@pytest.mark.parametrize(
    "text",
    [
        "9007199254740993.0",  # half way between two doubles
        "9007199254740993.0000000000000000000000001",
        "4503599627370497.5",
        "4503599627370496.5",
        "0.1250000000000000138777878078144567552953958511353",
        "5e-324",
        "1.7976931348623157e308",
        "123456789012345678901234567890.5",
        "-0.0",
        "0e5",
        "-0e-70",
    ],
)
def test_hard_cases_are_rounded_once(text: str) -> None:
    np.testing.assert_array_equal(*as_doubles([text]))


@given(st.lists(DECIMALS, min_size=1, max_size=20))
@settings(max_examples=300, deadline=None)
def test_it_reads_what_the_other_way_reads(texts: list[str]) -> None:
    body = ("[" + ", ".join(texts) + " " * 300 + "]").encode()
    agree_on(body)


@given(PARTS)
@settings(max_examples=500, deadline=None)
def test_what_is_no_array_of_numbers_is_refused_as_before(parts: list[str]) -> None:
    agree_on(b"[[1.5, 2], [" + b" " * 300 + "".join(parts).encode())
    agree_on(b"[[1.5, 2], [" + b" " * 300 + "".join(parts).encode() + b"]]")


def agree_on(body: bytes) -> None:
    compiled, numbers_parse = read(body), numbers._parse
    try:
        numbers._parse = None
        python = read(body)
    finally:
        numbers._parse = numbers_parse
    assert compiled[0] == python[0]
    if isinstance(compiled[1], NumberArray):
        one, other = compiled[1], python[1]
        assert isinstance(other, NumberArray)
        assert (one.shape, one.text, one.integral) == (other.shape, other.text, other.integral)
        assert one.values.tobytes() == other.values.tobytes()
    else:
        assert repr(compiled[1]) == repr(python[1])


def test_numbers_that_follow_integers_make_all_of_them_doubles() -> None:
    body = b"[" + b"-7, 123456789012345678, " * 20_000 + b"1e0]"
    values = values_of(body)
    assert values.dtype == np.float64
    assert values[:2].tolist() == [-7.0, 123456789012345678.0]
    assert len(values) == 40_001


def test_an_array_need_not_be_where_its_text_begins_or_ends() -> None:
    body = b'{"inputs": [' + b"1," * 200 + b'2] , "signature_name": "]"}'
    array, end = read_numbers(body, 11)
    assert isinstance(array, NumberArray)
    assert (array.shape, body[end : end + 3], array.text[-3:]) == ((201,), b" , ", b",2]")


@pytest.mark.parametrize("start", [-1, 3])
def test_an_offset_outside_the_text_is_refused(start: int) -> None:
    with pytest.raises(ValueError, match="no such offset"):
        number_array.parse(b"[]", start)


def test_others_run_meanwhile() -> None:
    """While one thread reads 40 MB, another gets on: the interpreter's lock is free."""
    body = b"[" + b"0.123456789, " * 3_000_000 + b"1]"
    reader = threading.Thread(target=number_array.parse, args=(body, 0))
    reader.start()
    steps = 0
    while reader.is_alive():
        reader.join(0.001)
        steps += 1
    assert steps > 3
