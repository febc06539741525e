"""Messages in any pieces, compressed or not, within their limit and the memory budget."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightship.errors import Internal, LightshipError, ResourceExhausted, Unavailable, Unimplemented
from lightship.transports.grpc.message_reader import Message, MessageReader, deflate, inflate

LIMIT = 1 << 20


class Budget:
    """A reservation that allows some bytes."""

    def __init__(self, size: int) -> None:
        self.left, self.kept = size, 0

    def grow(self, amount: int) -> None:
        if amount > self.left:
            raise Unavailable("no memory")
        self.left -= amount

    def keep(self, total: int = 1) -> None:
        self.kept = total

    def release(self) -> None: ...


def framed(data: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + len(data).to_bytes(4, "big") + data


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=5000), max_size=5), st.randoms(use_true_random=False))
def test_messages_in_any_pieces_are_read(messages: list[bytes], draw: random.Random) -> None:
    data, read = b"".join(map(framed, messages)), []
    reader = MessageReader("identity", LIMIT, None)
    while data:
        size = draw.choice([1, 2, 5, 900, 5000])
        read += [one.data for one in reader.feed(data[:size])]
        data = data[size:]
    assert read == messages
    assert not reader.begun


@pytest.mark.parametrize("data", [b"\0", framed(b"abc")[:5], framed(b"abc")[:-1]])
def test_a_message_that_is_not_complete_is_known_as_begun(data: bytes) -> None:
    reader = MessageReader("identity", LIMIT, None)
    assert (list(reader.feed(data)), reader.begun) == ([], True)


@pytest.mark.parametrize(
    ("encoding", "data", "error"),
    [
        ("identity", framed(b"x", 2), Internal),
        ("identity", framed(b"x", 1), Internal),
        ("br", framed(b"x", 1), Unimplemented),
        ("gzip", b"\0\xff\xff\xff\xff", ResourceExhausted),
        ("gzip", framed(bytes(LIMIT + 1)), ResourceExhausted),
    ],
)
def test_a_wrong_message_is_refused(encoding: str, data: bytes, error: type[LightshipError]) -> None:
    with pytest.raises(error):
        list(MessageReader(encoding, LIMIT, None).feed(data))


def test_every_byte_is_counted_before_it_is_kept() -> None:
    reader, budget = MessageReader("identity", LIMIT, None), Budget(1000)
    reader = MessageReader("identity", LIMIT, budget)
    list(reader.feed(framed(bytes(2000))[:905]))
    assert budget.left == 100
    with pytest.raises(Unavailable):
        list(reader.feed(bytes(200)))


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_what_was_compressed_is_inflated(encoding: str, size: int) -> None:
    data = random.Random(0).randbytes(size)
    assert inflate(Message(deflate(data, encoding), encoding), 4_000_000, None) == data


@pytest.mark.parametrize("data", [b"", b"no gzip", gzip.compress(b"x" * 100)[:-9], gzip.compress(b"x") + b"more"])
def test_what_cannot_be_inflated_is_refused(data: bytes) -> None:
    with pytest.raises(Internal):
        inflate(Message(data, "gzip"), LIMIT, None)


def test_inflating_stops_at_the_limit_and_at_the_budget() -> None:
    bomb = Message(zlib.compress(bytes(100_000_000)), "deflate")
    with pytest.raises(ResourceExhausted, match="larger than max"):
        inflate(bomb, LIMIT, None)
    budget = Budget(10_000_000)
    with pytest.raises(Unavailable):
        inflate(bomb, 1 << 30, budget)
    assert budget.left < 4 << 20
