"""Long base64 is decoded in slices, with the same result."""

from __future__ import annotations

import base64
import os

import pytest

from lightship.errors import InvalidArgument
from lightship.transports.rest.reading.base64_text import decode_text

SIZES = [0, 1, 2, 3, 100, 786_431, 786_432, 786_433, 2_000_000]


@pytest.mark.parametrize("size", SIZES)
def test_bytes_of_any_size_come_back(size: int) -> None:
    data = os.urandom(size)
    text = base64.b64encode(data)
    assert decode_text(text) == data
    assert decode_text(text.rstrip(b"=")) == data
    assert decode_text(text[: size // 2] + b" \n" + text[size // 2 :] + b"\t") == data


@pytest.mark.parametrize(
    "text",
    [
        *(b"A", b"=", b"A===", b"AA=A", b"AA==AAAA", b"AA=", b"AAAA=", b"AAAA==", b"AAAA====", b"AAA==", b"AA-_"),
        b"AAA\xff",
    ],
)
@pytest.mark.parametrize("before", [0, 1 << 20, 3 << 20])
def test_what_is_not_base64_is_refused_wherever_it_stands(before: int, text: bytes) -> None:
    with pytest.raises(InvalidArgument, match="^Unable to base64 decode$"):
        decode_text(b"A" * before + text)
    with pytest.raises(InvalidArgument, match="^Unable to base64 decode$"):
        decode_text(text + b"A" * (before + 4))
