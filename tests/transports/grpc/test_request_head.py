"""What gRPC reads from headers, and what it writes into trailers."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightship.errors import Code
from lightship.transports.grpc.call import Answer
from lightship.transports.grpc.request_head import GrpcHead
from lightship.transports.grpc.responses import percent_encode, trailers_of
from lightship.transports.http2.headers import RequestHead

START = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/s/m"), (b"content-type", b"application/grpc")]


def head(*more: tuple[bytes, bytes], start: list[tuple[bytes, bytes]] = START, size: int = 1000) -> GrpcHead:
    return GrpcHead(RequestHead([*start, *more]), size)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1H", 3600), ("2M", 120), ("3S", 3), ("4m", 0.004), ("5u", 5e-6), ("6n", 6e-9), ("99999999H", 99999999 * 3600)],
)
def test_timeouts_have_units(text: str, seconds: float) -> None:
    found = head((b"grpc-timeout", text.encode()))
    assert found.timeout == pytest.approx(seconds)
    assert found.refusal is None


@pytest.mark.parametrize("text", ["", "1", "S", "-1S", "999999999S", "1x", "1.5S", "١S"])
def test_a_wrong_timeout_is_refused(text: str) -> None:
    found = head((b"grpc-timeout", text.encode()))
    assert found.refusal is not None
    assert found.refusal.code is Code.INTERNAL


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        (b":method", b"GET", 405),
        (b"content-type", b"application/json", 415),
        (b"content-type", b"application/grpcx", 415),
        (b"content-type", b"application/grpc+proto", 0),
        (b"content-type", b"application/grpc; charset=x", 0),
    ],
)
def test_what_is_not_grpc_gets_an_http_status(name: bytes, value: bytes, status: int) -> None:
    assert head(start=list((dict(START) | {name: value}).items())).status == status


def test_large_headers_are_refused() -> None:
    found = head((b"a", bytes(1000)))
    assert found.refusal is not None
    assert found.refusal.code is Code.RESOURCE_EXHAUSTED


def test_encodings_are_read() -> None:
    found = head((b"grpc-encoding", b"gzip"), (b"grpc-accept-encoding", b"identity, gzip"))
    assert (found.encoding, found.accepts) == ("gzip", {"identity", "gzip"})


@given(st.text())
def test_any_text_is_percent_encoded(text: str) -> None:
    encoded = percent_encode(text)
    assert encoded.isascii()
    assert not any(byte < 32 or byte > 126 for byte in encoded)
    assert unquote(encoded.decode()) == text.encode("utf-8", "replace").decode()


def test_the_interoperability_tests_special_message_is_written_as_grpc_asks() -> None:
    assert percent_encode("\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n") == (
        b"%09%0Atest with whitespace%0D%0Aand Unicode BMP %E2%98%BA and non-BMP %F0%9F%98%88%09%0A"
    )


def test_trailers_tell_the_status_and_when_to_try_again() -> None:
    assert trailers_of(Answer(b"", Code.RESOURCE_EXHAUSTED, "50% full", 2000)) == [
        (b"grpc-status", b"8"),
        (b"grpc-message", b"50%25 full"),
        (b"grpc-retry-pushback-ms", b"2000"),
    ]
    assert (b"grpc-accept-encoding", b"identity,deflate,gzip") in trailers_of(Answer(b"", Code.UNIMPLEMENTED))
