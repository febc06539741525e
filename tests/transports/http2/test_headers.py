"""Header compression (RFC 7541), what is remembered of it, and how our own blocks are read."""

from __future__ import annotations

import random

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.transports.http2.wire import END_HEADERS, END_STREAM, HEADERS, REQUEST, Client, EchoServer, setting

from lightship.transports.http2.frames import ConnectionFault, ErrorCode, Setting, frame
from lightship.transports.http2.headers import HeaderDecoder, encode_headers

INDEXED = b"\x83\x86\x44\x01/"  # POST, http, and a literal path that is added to the table


def fields_of(decoder: HeaderDecoder, block: bytes) -> list[tuple[bytes, bytes]]:
    head = decoder.known(block) or decoder.request(block)
    return [(b":path", head.path), *head.headers]


@pytest.mark.parametrize(
    "block",
    [
        b"\x80",  # index 0
        b"\xfe",  # an index beyond the table
        b"\xff\xff\xff\xff\xff\xff\xff\xff",  # an integer without end
        b"\x83\x86\x84\x3f\xe1\x1f",  # a size of the table behind a header
        b"\x3f\xe2\x1f",  # a size above the allowed one
        b"\x40\x01",  # a name that is cut off
        b"\x40\x01a\x05b",  # a value that is cut off
        b"\x40\x81\xff\x01b",  # a Huffman code with 8 bits of padding
        b"\x40\x82\x1f\x00\x01b",  # padding with zeros
        b"\x40\x84\xff\xff\xff\xff\x01b",  # the symbol for the end of a text
        b"\x00",
        b"\x7f",
    ],
)
def test_a_block_that_cannot_be_decompressed_ends_the_connection(block: bytes) -> None:
    with pytest.raises(ConnectionFault) as caught:
        HeaderDecoder(1 << 16).request(block)
    assert caught.value.code is ErrorCode.COMPRESSION_ERROR


def test_that_is_said_on_the_wire(client: Client) -> None:
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x80"))
    assert client.goaway() is ErrorCode.COMPRESSION_ERROR


def test_a_block_that_changes_nothing_is_remembered_until_the_table_changes() -> None:
    decoder = HeaderDecoder(1 << 16)
    decoder.request(INDEXED)
    assert decoder.known(INDEXED) is None, "it adds an entry each time"
    again = b"\x83\x86\xbe"  # the newest entry
    head = decoder.request(again)
    assert (decoder.known(again), head.path) == (head, b"/")
    decoder.trailers(b"\x40\x01a\x01b")
    assert decoder.known(again) is None
    assert decoder.request(again).fault, "the same bytes mean another header now"


@pytest.mark.parametrize("update", [b"\x20", b"\x20\x3f\xe1\x1f", b"\x3f\x01"], ids=["0", "0 and 4096", "32"])
def test_a_table_that_was_emptied_is_noticed(update: bytes) -> None:
    decoder = HeaderDecoder(1 << 16)
    decoder.request(INDEXED)
    decoder.request(b"\x83\x86\xbe")
    decoder.trailers(update + b"\x82")
    with pytest.raises(ConnectionFault):
        fields_of(decoder, b"\x83\x86\xbe")


def test_headers_larger_than_allowed_end_the_connection() -> None:
    bomb = b"\x40\x01a\x7f\xa1\x1e" + bytes(4000) + b"\xbe" * 1000  # one entry of 4,000 bytes, named 1,000 times
    with pytest.raises(ConnectionFault) as caught:
        HeaderDecoder(1 << 16).request(bomb)
    assert caught.value.code is ErrorCode.ENHANCE_YOUR_CALM


NAMES = st.sampled_from([b"a", b"b", b"grpc-timeout", b"x-long-name"])
VALUES = st.one_of(st.sampled_from([b"", b"1", b"v" * 50, b"w" * 3000]), st.binary(max_size=8))
BLOCKS = st.lists(st.lists(st.tuples(NAMES, VALUES), max_size=4), min_size=1, max_size=30)


@settings(max_examples=200, deadline=None)
@given(BLOCKS, st.randoms(use_true_random=False))
def test_what_is_remembered_is_what_a_decoder_without_memory_reads(
    blocks: list[list[tuple[bytes, bytes]]], draw: random.Random
) -> None:
    encoder, decoder, plain = hpack.Encoder(), HeaderDecoder(1 << 20), hpack.Decoder(1 << 20)
    start = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/")]
    for fields in blocks:
        if draw.random() < 0.1:
            encoder.header_table_size = draw.choice([0, 100, 4096])
        block = encoder.encode([*start, *fields], huffman=draw.random() < 0.5)
        for repeated in range(1 + (block[0] & 0xE0 == 0x80 and all(byte & 0x80 for byte in block))):
            read = [(bytes(name), bytes(value)) for name, value in plain.decode(block, raw=True)]
            known = decoder.known(block)
            head = known or decoder.request(block)
            if not head.fault:
                assert [(b":path", head.path), *head.headers] == read[2:]
            assert repeated == 0 or known is not None


@given(st.lists(st.tuples(st.binary(max_size=300), st.binary(max_size=70_000))))
@settings(max_examples=50, deadline=None)
def test_our_blocks_are_read_by_any_decoder(headers: list[tuple[bytes, bytes]]) -> None:
    decoder = hpack.Decoder(1 << 30)
    decoder.header_table.maxsize = 0
    assert [tuple(one) for one in decoder.decode(encode_headers(headers), raw=True)] == headers


def test_a_client_that_keeps_no_table_is_told_that_ours_is_empty(server: EchoServer) -> None:
    """nghttp2 refuses the next header block otherwise."""
    with Client(server.port, settings=setting(Setting.HEADER_TABLE_SIZE, 0)) as client:
        client.decoder.header_table_size = client.decoder.max_allowed_table_size = 0
        for number in (1, 3):
            client.headers(number, REQUEST)
            assert client.answer(number) == b""
    table = client.decoder.header_table
    assert table.maxsize == 0
