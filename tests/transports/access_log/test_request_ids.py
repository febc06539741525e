"""Request ids: which of a client's are taken, and those that are made."""

from __future__ import annotations

import re

import pytest

from lightship.transports.access_log.request_ids import RequestIds, read_id

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("given", ["a", "abc-1", "req_1:2/3+4=@5,6~7.8", "0" * 128])
def test_a_clients_id_is_taken(given: str) -> None:
    assert read_id(given.encode(), None) == given.encode()


@pytest.mark.parametrize(
    "given", [b"", b" a", b"a b", b'a"b', b"a\\b", b"a\nb", b"-a", b"\xc3\xa9", b"a\x1b[1m", b"0" * 129]
)
def test_an_invalid_id_is_not_taken(given: bytes) -> None:
    assert read_id(given, None) == b""


def test_the_trace_id_is_taken_where_no_id_is_given() -> None:
    assert read_id(None, TRACE) == b"4bf92f3577b34da6a3ce929d0e0e4736"
    assert read_id(b"mine", TRACE) == b"mine"
    assert read_id(b"in valid", TRACE) == b"4bf92f3577b34da6a3ce929d0e0e4736"
    assert read_id(None, TRACE.replace(b"00-4", b"01-4") + b"-more") == b"4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    "trace",
    [
        b"",
        TRACE[:-1],
        TRACE.upper(),
        b"ff" + TRACE[2:],
        b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01",
        TRACE + b"x",
        TRACE + b"-" + b"x" * 100,
    ],
)
def test_an_invalid_trace_is_not_taken(trace: bytes) -> None:
    assert read_id(None, trace) == b""


def test_made_ids_differ_and_look_like_trace_ids() -> None:
    ids = RequestIds()
    made = [ids.make() for _ in range(1000)]
    assert len(set(made)) == len(made)
    assert all(re.fullmatch(b"[0-9a-f]{32}", one) for one in made)


def test_ids_are_made_within_the_bytes_that_are_sent() -> None:
    ids = RequestIds(b"Id: ", b"\r\n")
    made = [ids.make() for _ in range(1000)]
    assert len(set(made)) == len(made)
    assert all(re.fullmatch(b"Id: [0-9a-f]{32}\r\n", one) for one in made)
