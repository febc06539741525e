"""Doubles in error texts: RapidJSON's digits and layout."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightship.transports.rest.writing.doubles import double_text


@pytest.mark.parametrize(
    "text",
    ["0.0", "-0.0", "1.0", "-1.0", "100.0", "1.2345", "0.123456789012", "1234567.8", "-79.39773355813419", "0.5", "0.1"]
    + ["0.000001", "0.00001", "1e-7", "1.5e-9", "100000000000000000000.0", "1e21", "1e30", "1.234567890123456e30"]
    + ["5e-324", "2.225073858507201e-308", "2.2250738585072014e-308", "1.7976931348623157e308", "1.5e22"],
)
def test_a_double_has_its_shortest_digits(text: str) -> None:
    assert double_text(float(text)) == text


def test_the_digits_are_not_always_the_nearest() -> None:
    assert double_text(2.0**64) == "18446744073709553000.0"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_text_reads_back_as_the_same_double(number: float) -> None:
    assert struct.pack("d", float(double_text(number))) == struct.pack("d", number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_text_is_at_most_two_digits_longer_than_the_shortest(number: float) -> None:
    def digits(text: str) -> int:
        return len(text.partition("e")[0].replace(".", "").strip("-0"))

    assert digits(double_text(number)) <= min(17, digits(repr(number)) + 2)
