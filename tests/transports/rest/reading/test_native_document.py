"""The C extension reads every document to the last bit as the complete reader in Python does, faults included."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightship.errors import InvalidArgument, ResourceExhausted
from lightship.transports.rest.reading import extension, native_document
from lightship.transports.rest.reading.native_document import read_natively
from lightship.transports.rest.reading.numbers import NumberArray
from lightship.transports.rest.reading.reader import read_document
from lightship.transports.rest.reading.values import JsonValue, RepeatedNames

if extension.native is None:
    pytest.skip("there was no C compiler when the package was built", allow_module_level=True)

TOKENS = [
    *(
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b":",
        b'"',
        b'"a"',
        b'"a":',
        b'"b":',
        b'"\\u0061":',
        b'{"a":1}',
        b"[]",
        b"{}",
        b" ",
    ),
    *(
        b"1",
        b"0",
        b"-1",
        b"1.5",
        b"-",
        b"+",
        b".",
        b"e",
        b"E5",
        b"1e400",
        b"00000000",
        b"12345678901234567890.5",
        b"\n",
    ),
    *(b"9223372036854775807", b"9223372036854775808", b"18446744073709551615", b"18446744073709551616"),
    *(b"-9223372036854775808", b"-9223372036854775809", b"NaN", b"Inf", b"Infinity", b"Infi", b"-Inf", b"nul", b"tru"),
    *(b"true", b"false", b"null", b"\\", b"\\u", b"\\ud800", b"\\udc00", b"\\ud83d\\ude00", b"\\n", b"\\/", b"/", b"'"),
    *(b"\xff", b"\xc3\xa9", b"\xe2\x82", b"\0", b"\x01", b"\xef\xbb\xbf", b"[1,2,3]", b"[1.5,2]", b" " * 260),
]
LEAVES = st.sampled_from([token for token in TOKENS if token[:1] in b"[{-019NIutfn" and token[-1:] not in b"[{-uil:\0"])
NAMES = st.sampled_from(
    [b'"a":', b'"b" :', b'"":', b'"\\u0061":', b'"\xff":', b'"a name of more than thirty-two bytes":']
)
VALID = st.recursive(
    st.one_of(LEAVES, st.sampled_from([b'"x"', b'"\\u00e9\\n"', b'{"b64":"AA=="}'])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=60).map(lambda parts: b"[" + b" ,".join(parts) + b"]"),
        st.lists(st.tuples(NAMES, inner), max_size=5).map(
            lambda members: b"{" + b",".join(name + value for name, value in members) + b" }"
        ),
    ),
    max_leaves=80,
)
DECIMALS = st.from_regex(r"-?(0|[1-9][0-9]{0,21})(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?", fullmatch=True)


def plain(value: Any) -> str:
    """Tells a value with the types of its parts and all members of its objects, and arrays as lists."""
    if isinstance(value, NumberArray):
        plain_list = read_document(value.text, accelerate=False)
        expected = np.array(plain_list, value.values.dtype)
        assert value.shape == expected.shape
        np.testing.assert_array_equal(value.values, expected.ravel())
        return plain(plain_list)
    if isinstance(value, RepeatedNames):
        return f"repeated {[(name, plain(member)) for name, member in value.members]}"
    if isinstance(value, dict):
        return f"{ {name: plain(member) for name, member in value.items()} }"
    return f"[{', '.join(map(plain, value))}]" if isinstance(value, list) else repr(value)


def outcome(body: bytes, *, native: bool) -> str:
    try:
        return plain(read_natively(body) if native else read_document(body, accelerate=False))
    except InvalidArgument as error:
        return error.message


def agree_on(body: bytes) -> None:
    assert outcome(body, native=True) == outcome(body, native=False)


@given(st.lists(st.sampled_from(TOKENS), min_size=1, max_size=15))
@settings(max_examples=1500, deadline=None)
def test_any_row_of_tokens_has_the_same_value_or_fault(tokens: list[bytes]) -> None:
    agree_on(b"".join(tokens))


@given(VALID, st.data())
@settings(max_examples=700, deadline=None)
def test_any_change_of_a_document_has_the_same_value_or_fault(body: bytes, data: st.DataObject) -> None:
    agree_on(body)
    for _ in range(data.draw(st.integers(1, 2))):
        cut = data.draw(st.integers(0, len(body)))
        token = data.draw(st.sampled_from([b"", *TOKENS]))
        body = body[:cut] + token + body[cut + data.draw(st.sampled_from([0, 1, 1, 3, 10_000])) :]
    if body:
        agree_on(body)


def bits(texts: list[str]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The bits of the doubles of texts, by C and by Python."""
    array = read_natively(("[" + ", ".join(["0.5", *texts]) + " " * 300 + "]").encode())
    assert isinstance(array, NumberArray)
    return array.values[1:].view(np.uint64), np.array([float(text) for text in texts]).view(np.uint64)


@given(st.lists(DECIMALS, min_size=1, max_size=20))
@settings(max_examples=300, deadline=None)
def test_decimals_become_the_nearest_doubles(texts: list[str]) -> None:
    agree_on(("[" + ", ".join(texts) + " " * 300 + "]").encode())


@pytest.mark.parametrize("digits", [1, 5, 9, 16, 17, 18, 19, 20, 25, 60])
def test_a_decimal_of_any_length_becomes_the_nearest_double(digits: int) -> None:
    chance = random.Random(digits)
    texts = [
        f"{chance.choice(['', '-'])}{chance.randrange(10 ** chance.randrange(4))}."
        f"{'0' * chance.choice([0, 0, 3, 12, 40, 300])}{chance.randrange(10**digits):0{digits}}"
        f"{chance.choice(['', '', '', 'e-5', 'E+02', 'e-40', 'e280', 'e-300', 'e0000000000000000000001'])}"
        for _ in range(300)
    ]
    np.testing.assert_array_equal(*bits(texts))


def middles() -> list[str]:
    """Numbers at, just below and just above the middle of two doubles, with all their digits."""
    chance = random.Random(5)
    patterns = [0, 1, 2, 3, (1 << 52) - 1, 1 << 52, (1 << 52) + 1, 0x7FEFFFFFFFFFFFFE, 0x3FEFFFFFFFFFFFFF]
    patterns += [chance.randrange(0x7FEFFFFFFFFFFFFF) for _ in range(150)]
    texts = []
    for pattern in patterns:
        low, high = np.array([pattern, pattern + 1], np.uint64).view(np.float64).tolist()
        numerator, denominator = low.as_integer_ratio()
        other, scale = high.as_integer_ratio()
        power = max(denominator, scale).bit_length()  # the middle is an integer / 2^power
        middle = ((numerator << power) // denominator + (other << power) // scale) // 2
        digits = str(middle * 5**power)
        texts += [f"{digits}e-{power}", f"{digits}{'0' * 50}1e-{power + 51}", f"{middle * 5**power - 1}e-{power}"]
    return texts


def test_numbers_between_two_doubles_are_rounded_once() -> None:
    np.testing.assert_array_equal(*bits(middles()))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "9007199254740993.0",
            "9007199254740993.0000000000000000000000001",
            "4503599627370497.5",
            "4503599627370496.5",
        ),
        *("5e-324", "2.4703282292062328e-324", "2.4703282292062327e-324", "1e-400", "2.2250738585072011e-308"),
        *(
            "1.7976931348623157e308",
            "1.7976931348623158e308",
            "179769313486231570" + "0" * 291 + ".0",
            "-0.0",
            "-0e-70",
        ),
        *("123456789012345678901234567890.5", "0e5", "0e99999999999999999999", "1e-99999999999999999999"),
        *("0." + "0" * 5000 + "1e5001", "1" + "0" * 5000 + ".0e-5000", "0." + "0" * 400 + "1e99", "1" * 30 + "e-340"),
    ],
)
def test_hard_cases_are_rounded_once(text: str) -> None:
    np.testing.assert_array_equal(*bits([text]))


@pytest.mark.parametrize("text", ["1.7976931348623159e308", "1e309", "-1e99999999999999999999", "9" * 400, "1" * 310])
def test_numbers_that_are_too_large_are_named(text: str) -> None:
    for body in (f"[1, {text}]", f"[1, {' ' * 300}{text}]", text):
        agree_on(body.encode())
        assert "too big" in outcome(body.encode(), native=True)


def test_integers_stay_integers_as_long_as_they_fit() -> None:
    for text, kind in [
        ("[9223372036854775807, -9223372036854775808, 0]", "i"),
        ("[9223372036854775808, 18446744073709551615, 1]", "u"),
        ("[1, 18446744073709551615]", "u"),
        ("[-1, 18446744073709551615]", "f"),
        ("[18446744073709551615, -1]", "f"),
        ("[1, 18446744073709551616]", "f"),
        ("[18446744073709551615, 1, 0.5]", "f"),
    ]:
        body = text.replace(",", "," + " " * 300).encode()
        array = read_natively(body)
        assert isinstance(array, NumberArray)
        assert array.values.dtype.kind == kind
        agree_on(body)


def test_numbers_that_follow_integers_make_all_of_them_doubles() -> None:
    array = read_natively(b"[" + b"-7, 123456789012345678, " * 20_000 + b"1e0]")
    assert isinstance(array, NumberArray)
    assert array.values.dtype == np.float64
    assert array.values[:2].tolist() == [-7.0, 123456789012345678.0]
    assert len(array.values) == 40_001


def test_doubles_as_they_are_printed_come_back() -> None:
    doubles = np.random.default_rng(2).standard_normal(20_000) * 1e-3
    array = read_natively(json.dumps(doubles.tolist()).encode())
    assert isinstance(array, NumberArray)
    np.testing.assert_array_equal(array.values, doubles)


def test_each_array_of_a_document_has_its_own_values_and_text() -> None:
    rows = [{"a": [[row, 2.5]] * 60, "b": list(range(row, 200)), "c": [row] * 3} for row in range(30)]
    document = read_natively(json.dumps(rows).encode())
    assert isinstance(document, list)
    for row, value in zip(rows, document, strict=True):
        assert isinstance(value, dict)
        one, other = value["a"], value["b"]
        assert isinstance(one, NumberArray)
        assert isinstance(other, NumberArray)
        assert one.values.reshape(one.shape).tolist() == json.loads(one.text) == row["a"]
        assert other.values.tolist() == json.loads(other.text) == row["b"]
        assert value["c"] == row["c"]


@pytest.mark.parametrize("size", [7, 8, 9, 262143, 262144, 262145, 600_000])
@pytest.mark.parametrize(
    "piece", [b"a", "\u00e9".encode(), "\u20ac".encode(), "\U0001f600".encode(), b"\xff", b"\x82", b"\\n"]
)
def test_strings_of_any_length_and_encoding_are_read(size: int, piece: bytes) -> None:
    text = (b"." * (size % 5) + piece * (size // len(piece) + 1))[:size] + b'"'
    text = text.replace(b'\\"', b'\\\\"')
    agree_on(b'["' + text + b', {"' + text + b": 1}]")


def test_nesting_has_no_limit_but_the_number_of_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    value: JsonValue = read_natively(b'[{"":' * 300_000 + b"1" + b"}]" * 300_000)
    for _ in range(300_000):
        assert isinstance(value, list)
        assert isinstance(value[0], dict)
        value = value[0][""]
    assert value == 1
    monkeypatch.setattr(native_document, "MAX_CONTAINERS", 1000)
    for flood in (b"[" * 2000, b'{"":' * 2000, b"[" + b"[]," * 2000, b"[" + b"{}," * 2000, b'[{"":[1,[2]]},' * 700):
        with pytest.raises(ResourceExhausted, match="more than 1000 lists and objects"):
            read_natively(flood)


@pytest.mark.parametrize("start", [-1, 3])
def test_an_offset_outside_the_text_is_refused(start: int) -> None:
    assert extension.native is not None
    with pytest.raises(ValueError, match="no such offset"):
        extension.native.read_document(b"[]", start, 10, False, NumberArray.of_buffer, dict)


def test_an_error_while_objects_are_built_is_passed_on() -> None:
    def fail(*_: object) -> object:
        raise MemoryError

    assert extension.native is not None
    for body in (b'[{"a": [[1], {"a": 1, "a": 2}, 3]}]', b'{"x": [{}, [' + b"1, " * 100 + b"1]]}"):
        with pytest.raises(MemoryError):
            extension.native.read_document(body, 0, 100, False, fail, fail)
