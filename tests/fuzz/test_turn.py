"""A short turn of what `make fuzz` does for longer; and that it sees a server that does wrong."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from fuzz.answers import Wrong
from fuzz.case import Case, Ending
from fuzz.exchange import Client
from fuzz.models import made
from fuzz.target import Target, started
from fuzz.turn import Turn, replay

GET = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with started(made()) as target:
        yield target


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_short_turn_finds_nothing(target: Target) -> None:
    kinds = Counter[str]()
    for seed in range(1, 7):  # a busy machine needs more than one turn
        turn = Turn(target, seed, seconds=20)
        assert [find.what for find in turn.run()] == []
        kinds.update(turn.kinds)
        if min(kinds["stream"], kinds["json"]) > 100:
            return
    raise AssertionError(f"too few cases: {kinds}")


@pytest.mark.tensorflow
def test_a_case_is_made_again(target: Target) -> None:
    whole = Case("pipeline", (GET[:9], GET[9:]), Ending.HALF_CLOSE, (200,))
    wrong = Case("pipeline", (GET,), Ending.WAIT, (404,))
    assert replay(target, (whole,)) == []
    (find,) = replay(target, (whole, wrong))
    assert find.cases == (wrong,)


@pytest.mark.parametrize("answer", [b"", b"nonsense", b"HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 9\r\n\r\nshort"])
def test_a_server_that_does_wrong_is_found(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=_answer_once, args=(listener, answer))
        server.start()
        with pytest.raises(Wrong):
            Client(listener.getsockname()[1]).run(Case("json", (GET,), Ending.WAIT, (0,)))
        server.join()


def _answer_once(listener: socket.socket, answer: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(answer)
