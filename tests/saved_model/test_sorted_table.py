"""Tables as TensorFlow writes `variables.index`: read whole, and every damage noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightship.errors import DataLoss
from lightship.saved_model.checksums import crc32c, masked
from lightship.saved_model.sorted_table import read_table, write_table


@pytest.fixture
def table(half_plus_two: Path) -> bytes:
    return (half_plus_two / "123" / "variables" / "variables.index").read_bytes()


def block(content: bytes, compression: int = 0) -> bytes:
    stored = content + bytes([compression])
    return stored + masked(crc32c([stored])).to_bytes(4, "little")


def table_of(content: bytes, compression: int = 0) -> bytes:
    """A table of one block."""
    data = block(content, compression)
    handle = bytes([0, len(content)])
    index = block(bytes([0, 1, len(handle)]) + b"z" + handle + bytes(4) + (1).to_bytes(4, "little"))
    footer = bytes([0, 0, len(data), len(index) - 5])
    return data + index + footer.ljust(40, b"\0") + bytes.fromhex("57fb808b247547db")


ENTRIES = b"\0\1\2aXY" + b"\1\1\1bZ" + bytes(4) + (1).to_bytes(4, "little")  # a: XY, ab: Z


def test_the_entries_of_a_table_of_tensorflow(table: bytes) -> None:
    keys = [key for key, _ in read_table(table)]
    assert keys[:2] == [b"", b"_CHECKPOINTABLE_OBJECT_GRAPH"]
    assert keys == sorted(keys)


def test_keys_share_their_beginnings() -> None:
    assert list(read_table(table_of(ENTRIES))) == [(b"a", b"XY"), (b"ab", b"Z")]


def test_a_compressed_block() -> None:
    snappy = bytes([len(ENTRIES), (len(ENTRIES) - 1) << 2]) + ENTRIES
    assert list(read_table(table_of(snappy, 1))) == [(b"a", b"XY"), (b"ab", b"Z")]


def test_every_flipped_bit_is_refused_or_changes_nothing(table: bytes) -> None:
    entries = list(read_table(table))
    for bit in range(8 * len(table)):
        damaged = bytearray(table)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            assert list(read_table(bytes(damaged))) == entries, f"bit {bit}"
        except DataLoss:
            continue


@pytest.mark.parametrize("length", [0, 7, 8, 47, 48, -1])
def test_a_truncated_table_is_refused(table: bytes, length: int) -> None:
    with pytest.raises(DataLoss):
        list(read_table(table[:length]))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "too short"),
        (b"\xff" * 4, "too short"),
        (b"\5\1\1aX" + bytes(8), "longer than the block"),
        (b"\0\1\x7faX" + bytes(8), "longer than the block"),
        (b"\xff" * 11 + bytes(8), "too long"),
    ],
)
def test_a_block_that_claims_more_than_it_has_is_refused(content: bytes, text: str) -> None:
    with pytest.raises(DataLoss, match=text):
        list(read_table(table_of(content)))


def test_an_unknown_compression_is_named() -> None:
    with pytest.raises(DataLoss, match="unknown compression 9"):
        list(read_table(table_of(ENTRIES, 9)))


@pytest.mark.parametrize("count", [1, 2, 300])
def test_a_table_that_is_written_is_read_again(count: int) -> None:
    entries = [
        (f"key{number:04}".encode() * (number % 3 + 1), bytes([number % 256]) * number) for number in range(count)
    ]
    entries[0] = (b"", entries[0][1])  # the header of an index
    assert list(read_table(b"".join(write_table(entries)))) == entries
