"""Requests and answers between two ends of a channel."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pytest

from lightship.errors import Code, Internal, LightshipError, NotFound, ResourceExhausted
from lightship.server.workers import channel as module
from lightship.server.workers.channel import Channel, ChannelClosed, Handler, Received


@dataclass(slots=True)
class Pair:
    ours: Channel
    raw: socket.socket
    theirs: Channel
    closed: threading.Event = field(default_factory=threading.Event)


def fail(received: Received) -> Any:
    raise NotFound(f"no {received.body}")


def crash(_: Received) -> Any:
    raise ZeroDivisionError("by design")


def read_all(received: Received) -> list[str]:
    texts = []
    for fd in received.fds:
        with os.fdopen(fd) as file:
            texts.append(file.read())
    return texts


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    go_on, closed = threading.Event(), threading.Event()
    handlers = {
        "echo": Handler(lambda received: received.body),
        "fail": Handler(fail),
        "crash": Handler(crash),
        "wait": Handler(lambda received: go_on.wait(60) and received.body, slow=True),
        "go on": Handler(lambda _: go_on.set()),
        "read": Handler(read_all),
    }
    ours, theirs = Channel(one, {}, closed.set), Channel(other, handlers, lambda: None)
    ours.start()
    theirs.start()
    yield Pair(ours, other, theirs, closed)
    go_on.set()
    ours.close()
    theirs.close()


@pytest.mark.parametrize("body", [None, 1.5, "\udcff\n", ["a", {"b": [None]}], "x" * 3_000_000])
def test_an_answer_comes_back(pair: Pair, body: Any) -> None:
    assert pair.ours.ask("echo", body).result(60) == body


def test_errors_keep_their_code_and_text(pair: Pair) -> None:
    with pytest.raises(NotFound, match="no cat"):
        pair.ours.ask("fail", "cat").result(60)
    with pytest.raises(Internal, match="ZeroDivisionError"):
        pair.ours.ask("crash").result(60)
    assert pair.ours.ask("echo", 1).result(60) == 1


def test_slow_requests_do_not_hold_others_up(pair: Pair) -> None:
    slow = [pair.ours.ask("wait", number) for number in range(5)]
    assert pair.ours.ask("echo", 1).result(60) == 1
    pair.ours.tell("go on")
    assert [one.result(60) for one in slow] == list(range(5))


def test_too_many_slow_requests_are_refused(pair: Pair) -> None:
    asked = [pair.ours.ask("wait", number) for number in range(module._MAX_HANDLED + 1)]
    with pytest.raises(ResourceExhausted):
        asked[-1].result(60)
    pair.ours.tell("go on")
    assert asked[0].result(60) == 0


def test_files_go_with_their_message(pair: Pair) -> None:
    def ask(*texts: str) -> Future[Any]:
        fds = []
        for text in texts:
            reader, writer = os.pipe()
            os.write(writer, text.encode())
            os.close(writer)
            fds.append(reader)
        answer = pair.ours.ask("read", fds=fds)
        for fd in fds:
            os.close(fd)
        return answer

    answers = [ask("a"), ask("b", "c"), ask(), ask("d")]
    assert [one.result(60) for one in answers] == [["a"], ["b", "c"], [], ["d"]]


def test_the_end_of_the_other_side_ends_all_waiting(pair: Pair) -> None:
    waiting = [pair.ours.ask("wait"), pair.ours.ask("wait")]
    pair.theirs.close()
    for one in waiting:
        with pytest.raises(ChannelClosed):
            one.result(60)
    assert pair.closed.wait(60)
    with pytest.raises(ChannelClosed):
        pair.ours.ask("echo").result(60)
    pair.ours.tell("echo")  # nothing happens


def test_a_message_that_is_too_large_is_refused_and_the_channel_stays(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_MESSAGE_BYTES", 1000)
    with pytest.raises(ResourceExhausted):
        pair.ours.ask("echo", "x" * 1000).result(60)
    assert pair.ours.ask("echo", 1).result(60) == 1


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("!I", module.MAX_MESSAGE_BYTES + 1),
        struct.pack("!I", 3) + b"}{}",
        struct.pack("!I", 14) + b'{"kind": "no"}',
    ],
)
def test_what_is_no_message_closes_the_channel(pair: Pair, data: bytes) -> None:
    pair.raw.sendall(data)
    assert pair.closed.wait(60)


def test_all_codes_survive() -> None:
    from lightship.server.workers.values import decode_error, encode_error

    for code in list(Code)[1:]:
        error = decode_error(encode_error(decode_error([int(code), "text"])))
        assert isinstance(error, LightshipError)
        assert (error.code, error.message) == (code, "text")
