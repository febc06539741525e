"""Messages in any pieces, compressed or not, within their limit and the memory budget."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightship.errors import Internal, LightshipError, ResourceExhausted, Unimplemented
from lightship.memory_budget import NOT_COUNTED, MemoryBudget, NoRoom
from lightship.transports.grpc.message_reader import Message, MessageReader, deflate

LIMIT = 1 << 20


def framed(data: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + len(data).to_bytes(4, "big") + data


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=5000), max_size=5), st.randoms(use_true_random=False))
def test_messages_in_any_pieces_are_read(messages: list[bytes], draw: random.Random) -> None:
    data, read = b"".join(map(framed, messages)), []
    reader = MessageReader("identity", LIMIT, NOT_COUNTED)
    while data:
        size = draw.choice([1, 2, 5, 900, 5000])
        read += [one.read(LIMIT, NOT_COUNTED) for one in reader.feed(data[:size])]
        data = data[size:]
    assert read == messages
    assert not reader.begun


@pytest.mark.parametrize("data", [b"\0", framed(b"abc")[:5], framed(b"abc")[:-1]])
def test_a_message_that_is_not_complete_is_known_as_begun(data: bytes) -> None:
    reader = MessageReader("identity", LIMIT, NOT_COUNTED)
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
        list(MessageReader(encoding, LIMIT, NOT_COUNTED).feed(data))


def test_every_byte_is_counted_before_it_is_kept() -> None:
    budget = MemoryBudget(1_000_000)
    with budget.reservation() as other, budget.reservation() as memory:
        reader = MessageReader("identity", LIMIT, memory)
        list(reader.feed(framed(bytes(900_000))[:600_005]))
        assert 600_000 <= budget.taken <= 620_000
        other.grow(300_000)
        with pytest.raises(NoRoom):
            list(reader.feed(bytes(200_000)))
    assert budget.taken == 0


def test_a_message_that_does_not_fit_is_refused_by_its_prefix() -> None:
    budget = MemoryBudget(500_000)
    with budget.reservation() as memory, pytest.raises(ResourceExhausted):
        list(MessageReader("identity", LIMIT, memory).feed(framed(bytes(600_000))[:5]))
    assert budget.taken == 0


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_what_was_compressed_is_inflated(encoding: str, size: int) -> None:
    data = random.Random(0).randbytes(size)
    assert Message(deflate(data, encoding), encoding).read(4_000_000, NOT_COUNTED) == data


@pytest.mark.parametrize(
    "data",
    [b"", b"no gzip", gzip.compress(b"x" * 100, mtime=0)[:-9], gzip.compress(b"x", mtime=0) + b"more"],
    ids=["empty", "no gzip", "cut off", "more"],
)
def test_what_cannot_be_inflated_is_refused(data: bytes) -> None:
    with pytest.raises(Internal):
        Message(data, "gzip").read(LIMIT, NOT_COUNTED)


def test_inflating_stops_at_the_limit_and_at_the_budget() -> None:
    data = zlib.compress(bytes(100_000_000))
    with pytest.raises(ResourceExhausted, match="larger than max"):
        Message(data, "deflate").read(LIMIT, NOT_COUNTED)
    with MemoryBudget(10_000_000).reservation() as memory:
        with pytest.raises(ResourceExhausted, match="memory budget"):
            Message(data, "deflate").read(1 << 30, memory)
        assert memory.held <= 10_000_000


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=3000), st.integers(1, 50), st.sampled_from(["gzip", "deflate"]), st.integers(1, 2000))
def test_what_was_compressed_is_inflated_from_any_parts(data: bytes, size: int, encoding: str, repeats: int) -> None:
    compressed = deflate(data * repeats, encoding)
    sent, reader = framed(compressed, flag=1), MessageReader(encoding, LIMIT, NOT_COUNTED)
    (message,) = (one for start in range(0, len(sent), size) for one in reader.feed(sent[start : start + size]))
    assert message.read(1 << 30, NOT_COUNTED) == data * repeats


def test_a_message_in_many_frames_takes_its_size_once() -> None:
    with MemoryBudget(1 << 30).reservation() as memory:
        reader = MessageReader("identity", 8 << 20, memory)
        sent = framed(random.Random(0).randbytes(4 << 20))
        (message,) = (one for start in range(0, len(sent), 16384) for one in reader.feed(sent[start : start + 16384]))
        assert message.read(8 << 20, memory) == sent[5:]
        assert memory.held == 4 << 20


def test_the_start_of_a_message_is_known_before_its_end() -> None:
    reader = MessageReader("identity", LIMIT, NOT_COUNTED)
    sent = framed(bytes(range(256)) * 100)
    assert list(reader.feed(sent[:300])) == []
    assert reader.start == sent[5:300]
    assert list(reader.feed(sent[300:5000])) == []
    assert reader.start == sent[5:1029]
