"""What is sent again, what is not, when it ends, and what is said then."""

from __future__ import annotations

import contextlib
import email.utils
import socket
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from tests.client.conftest import Ask, FakeServer, Reply

from lightship.client import flow
from lightship.errors import DeadlineExceeded, LightshipError, Unavailable

STATUS = {"model_version_status": [{"version": "1", "state": "AVAILABLE", "status": {}}]}
BUSY = Reply(503, {"error": "draining"})


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "MIN_PAUSE", 0.001)


@pytest.fixture
def endless() -> Iterator[str]:
    """A server whose answer is a space every 10 ms, for ever."""
    stop = threading.Event()

    def answer() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while not stop.wait(0.01):
                connection.sendall(b" ")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        stop.set()
        thread.join()


def test_a_refused_connection_names_the_address_and_what_to_do(ask: Ask) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # nobody else gets this port meanwhile
        port = silent.getsockname()[1]
        with pytest.raises(Unavailable, match="lightship serve") as raised:
            ask(f"http://user:secret@127.0.0.1:{port}", "status", "dog")
    assert f"127.0.0.1:{port}" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_prediction_refused_with_503_is_sent_again(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.reply_with(BUSY, BUSY, Reply(body={"predictions": [{"labels": ["a"], "scores": [1.0]}]}))
    assert ask(fake_server.url, "classify_image", "dog", np.zeros((2, 2, 3), np.uint8)).label == "a"
    assert len(fake_server.received) == 3


def test_retries_are_limited(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.reply_with(BUSY)
    with pytest.raises(Unavailable, match="draining"):
        ask(fake_server.url, "status", "dog", options={"retries": 1})
    assert len(fake_server.received) == 2


def test_a_get_whose_connection_broke_is_sent_again(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.reply_with(None, Reply(body=STATUS))
    assert ask(fake_server.url, "status", "dog")[0].version == 1


def test_a_prediction_that_may_have_run_is_not_sent_again(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.reply_with(None)
    with pytest.raises(Unavailable, match="broke before the answer"):
        ask(fake_server.url, "predict", "dog", [1.0])
    assert len(fake_server.received) == 1


@pytest.mark.parametrize("status", [400, 404, 429, 500, 504])
def test_other_refusals_are_not_sent_again(ask: Ask, fake_server: FakeServer, status: int) -> None:
    fake_server.reply_with(Reply(status, {"error": "no"}))
    with pytest.raises(LightshipError, match="^no$"):
        ask(fake_server.url, "status", "dog")
    assert len(fake_server.received) == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(ask: Ask, fake_server: FakeServer, form: str) -> None:
    start = time.monotonic()
    wait = "1" if form == "seconds" else email.utils.formatdate(time.time() + 2, usegmt=True)
    fake_server.reply_with(Reply(503, {"error": "later"}, {"Retry-After": wait}), Reply(body=STATUS))
    ask(fake_server.url, "status", "dog")
    assert time.monotonic() - start > 0.8


def test_a_pause_beyond_the_deadline_is_not_waited_for(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.reply_with(Reply(503, {"error": "later"}, {"Retry-After": "3600"}))
    with pytest.raises(Unavailable, match="later") as raised:
        ask(fake_server.url, "status", "dog")
    assert len(fake_server.received) == 1
    assert raised.value.retry_after == 3600


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("", 1), ("soon", 1), ("0", 1), ("9" * 400, 365 * 86400), ("Mon, 01 Jan 0001 00:00:00 -0000", 1)],
)
def test_a_strange_retry_after_is_an_error_of_the_usual_kind(
    ask: Ask, fake_server: FakeServer, given: str, seconds: int
) -> None:
    fake_server.reply_with(Reply(503, {"error": "later"}, {"Retry-After": given}))
    with pytest.raises(Unavailable, match="later") as raised:
        ask(fake_server.url, "status", "dog", options={"retries": 0})
    assert raised.value.retry_after == seconds


def test_an_answer_that_does_not_come_ends_at_the_deadline(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(DeadlineExceeded, match=r"within 0\.2 s"):
            ask(url, "status", "dog", options={"timeout": 0.2})


def test_an_answer_that_does_not_end_ends_at_the_deadline(ask: Ask, endless: str) -> None:
    with pytest.raises(DeadlineExceeded, match=r"within 0\.3 s"):
        ask(endless, "status", "dog", options={"timeout": 0.3})
