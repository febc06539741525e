"""Turns are few, waited for as long as was said, and come back."""

from __future__ import annotations

import threading
import time

from lightship.turns import Turns


def test_so_many_and_no_more() -> None:
    turns = Turns(2)
    assert [turns.take(0), turns.take(0), turns.take(0)] == [True, True, False]
    turns.give_back()
    assert [turns.take(0), turns.take(0)] == [True, False]


def test_a_wait_ends_in_time() -> None:
    start = time.monotonic()
    assert not Turns(0).take(0.05)
    assert time.monotonic() - start >= 0.05


def test_who_waits_gets_the_turn_that_is_given_back() -> None:
    turns, got = Turns(1), []
    assert turns.take()
    waiting = [threading.Thread(target=lambda: got.append(turns.take())) for _ in range(3)]
    for thread in waiting:
        thread.start()
    assert not got
    for _ in waiting:
        turns.give_back()
    for thread in waiting:
        thread.join(20)
    assert got == [True, True, True]
    assert not turns.take(0)
