"""A short turn of HTTP/2 connections as no library would make them, and that its oracle sees what is wrong."""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter

import pytest
from benchmarks.attacks.bystander import GRPC
from benchmarks.attacks.target import Models, serving
from fuzz.answers import Wrong
from fuzz.case import Ending
from fuzz.costly.turn import Limits, Turn
from fuzz.frames import sender
from fuzz.frames.received import Received
from fuzz.frames.sender import carry_out
from fuzz.frames.sessions import Session, drawn_session
from fuzz.grpc.frames import frame
from fuzz.models import made

DATA, HEADERS, RST_STREAM, SETTINGS, PING = 0, 1, 3, 4, 6
END_STREAM, END_HEADERS = 1, 4
OK, TRAILERS = b"\x88", b"\0\x01a\x01b"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.tensorflow
def test_a_short_turn_finds_nothing() -> None:
    with serving(Models(made()[0], 1), ("--memory-budget", "256MB")) as server:
        limits, kinds = Limits(wait=30.0, peak=600.0, stays=300.0), Counter[str]()
        for seed in range(1, 6):  # a busy machine needs more than one turn
            turn = Turn(server, limits, drawn_session, carry_out, server.address.grpc_port, ("livez", GRPC))
            assert [find.what for find in turn.run(seed, 8.0)] == []
            kinds.update(turn.kinds)
            if kinds.total() > 10:
                return
    raise AssertionError(f"too few cases: {kinds}")


def test_a_key_stands_for_the_same_bytes() -> None:
    keys = [f"1/0/{number}" for number in range(40)]
    sessions = [drawn_session(key) for key in keys]
    assert sessions == [drawn_session(key) for key in keys]
    assert len({session.kind for session in sessions}) > 5


def answer(stream: int = 1) -> bytes:
    body = frame(DATA, 0, stream, b"body") + frame(HEADERS, END_HEADERS | END_STREAM, stream, TRAILERS)
    return frame(SETTINGS, 0, 0, b"") + frame(HEADERS, END_HEADERS, stream, OK) + body


def test_what_a_server_may_send_is_taken_in_any_pieces() -> None:
    received, data = Received(), answer() + frame(RST_STREAM, 0, 1, bytes(4)) + answer(3)
    for byte in data:
        received.feed(bytes([byte]))
    assert received.ends == {"ended": 2, "reset": 1}


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (frame(DATA, 0, 1, b"body"), "a body without headers"),
        (answer() + frame(DATA, 0, 1, b"more"), "which it has ended"),
        (frame(HEADERS, END_HEADERS, 2, OK), "for the stream 2"),
        (frame(PING, 0, 1, bytes(8)), "for the stream 1"),
        (frame(200, 0, 0, b""), "the kind 200"),
        (frame(HEADERS, END_HEADERS, 1, b"\xff\xff"), "cannot be read"),
        (frame(HEADERS, END_HEADERS, 1, TRAILERS), "headers out of turn"),
        (struct.pack(">I", (1 << 24) - 1)[1:] + bytes(6), "a frame of 16777215 bytes"),
    ],
)
def test_what_no_server_may_send_is_found(data: bytes, what: str) -> None:
    with pytest.raises(Wrong, match=what):
        Received().feed(data)


def test_a_connection_that_stays_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(Wrong, match="stays"):
        carry_out(deaf.getsockname()[1], Session("noise", (b"x",), Ending.HALF_CLOSE))


@pytest.mark.parametrize("ending", list(Ending)[:2])
def test_a_server_that_closes_at_once_is_no_error(ending: Ending) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepting = threading.Thread(target=lambda: listening.accept()[0].close())
        accepting.start()
        carry_out(listening.getsockname()[1], Session("noise", (b"x" * 100_000,) * 20, ending))
        accepting.join(60)
