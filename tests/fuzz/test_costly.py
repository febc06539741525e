"""A short turn of costly requests, and that it sees a server that makes others wait, grows, or answers wrongly."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from benchmarks.attacks.target import Models, Server, serving
from demo.assets import Assets
from fuzz.answers import Wrong
from fuzz.costly.plans import Plan, drawn_plan
from fuzz.costly.sender import carry_out
from fuzz.costly.turn import Limits, Turn
from fuzz.models import made

GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
RIGHT = b"HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def server(assets: Assets) -> Iterator[Server]:
    half_plus_two, *others, dog = made()
    models = Models(half_plus_two, 1, dog, assets.photo, others)
    with serving(models, ("--memory-budget", "512MB")) as server:
        server.wait_for_helpers()
        yield server


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.tensorflow
def test_a_short_turn_finds_nothing(server: Server) -> None:
    kinds = Counter[str]()
    for seed in range(1, 5):  # a busy machine needs more than one turn
        turn = Turn(server, Limits(wait=20.0, peak=2000.0, stays=1500.0))  # the engines of the models come on demand
        assert [find.what for find in turn.run(seed, seconds=20)] == []
        kinds.update(turn.kinds)
        if kinds.total() > 10:
            return
    raise AssertionError(f"too few cases: {kinds}")


@pytest.mark.slow
@pytest.mark.tensorflow
def test_what_exceeds_the_limits_is_found_and_made_again(server: Server) -> None:
    turn = Turn(server, Limits(wait=0.0, peak=-1.0, stays=-10_000.0))
    found = turn.replay(["1/0/0", "1/1/0"])
    assert {find.what.partition(":")[0] for find in found} >= {"waited", "memory"}
    assert {key for find in found for key in find.keys} <= {"1/0/0", "1/1/0"}


def test_a_case_is_all_in_its_key() -> None:
    for number in range(12):
        one, other = drawn_plan(f"7/0/{number}"), drawn_plan(f"7/0/{number}")
        assert one.kind == other.kind
        assert next(one.pieces()) == next(other.pieces())
    assert len({drawn_plan(f"7/0/{number}").kind for number in range(12)}) > 4


@contextlib.contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A server that gives one connection this answer, and ends it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_once() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=answer_once)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def plan(answers: int = 1) -> Plan:
    return Plan("text", lambda: iter((GET,)), answers=answers, seconds=20.0)


def test_a_right_answer_is_right() -> None:
    with answering(RIGHT) as port:
        assert carry_out(port, plan()) == {200: 1}


@pytest.mark.parametrize("answer", [b"nonsense", RIGHT[:-1], RIGHT.replace(b"200", b"500")])
def test_a_wrong_answer_is_found(answer: bytes) -> None:
    with answering(answer) as port, pytest.raises(Wrong):
        carry_out(port, plan(answers=0))


def test_a_server_that_neither_answers_nor_closes_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(Wrong, match="neither"):
        carry_out(deaf.getsockname()[1], Plan("text", lambda: iter((GET,)), seconds=0.2))
