from __future__ import annotations

import pytest

from lightship.tensors.varint import encode_varint


@pytest.mark.parametrize(
    ("number", "encoded"),
    [(0, b"\x00"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02"), (2**63, b"\x80" * 9 + b"\x01")],
)
def test_seven_bits_go_into_each_byte_the_lowest_first(number: int, encoded: bytes) -> None:
    assert encode_varint(number) == encoded
