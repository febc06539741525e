"""Blocks in the Snappy format."""

from __future__ import annotations

import random

import pytest

from lightship.errors import DataLoss
from lightship.saved_model.snappy import decompress

LIMIT = 1 << 20


def varint(number: int) -> bytes:
    head = b""
    while number >= 0x80:
        head, number = head + bytes([number & 0x7F | 0x80]), number >> 7
    return head + bytes([number])


def literal(data: bytes) -> bytes:
    if len(data) <= 60:
        return bytes([len(data) - 1 << 2]) + data
    return bytes([61 << 2]) + (len(data) - 1).to_bytes(2, "little") + data


@pytest.mark.parametrize(
    ("elements", "text"),
    [
        (literal(b"abc"), b"abc"),
        (literal(b"x" * 1000), b"x" * 1000),
        (literal(b"abcd") + bytes([1 | 1 << 2, 4]), b"abcdabcda"),  # a copy of 5 from 4 before, which overlaps
        (literal(b"ab") + bytes([2 | 9 << 2, 2, 0]), b"ab" * 6),
        (literal(b"ab") + bytes([3 | 3 << 2, 1, 0, 0, 0]), b"abbbbb"),
        (b"", b""),
    ],
)
def test_literals_and_copies(elements: bytes, text: bytes) -> None:
    assert decompress(varint(len(text)) + elements, LIMIT) == text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        varint(2 << 20) + literal(b"a"),
        varint(4) + literal(b"abc"),
        varint(2) + literal(b"abc"),
        varint(3) + literal(b"abc")[:-1],
        varint(9) + literal(b"abc") + bytes([2 | 5 << 2, 4, 0]),
        varint(9) + literal(b"abc") + bytes([2 | 5 << 2, 0, 0]),
        varint(9) + literal(b"abc") + bytes([2 | 5 << 2, 1]),
        varint(9) + literal(b"abc") + bytes([1]),
        varint(9) + bytes([63 << 2, 255]),
    ],
)
def test_what_is_broken_is_refused(data: bytes) -> None:
    with pytest.raises(DataLoss):
        decompress(data, LIMIT)


def test_random_bytes_raise_nothing_else_and_take_no_memory() -> None:
    chance = random.Random(1)
    for _ in range(3000):
        data = varint(chance.randrange(LIMIT)) + chance.randbytes(chance.randrange(60))
        try:
            assert len(decompress(data, LIMIT)) <= LIMIT
        except DataLoss:
            continue
