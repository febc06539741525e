from __future__ import annotations

import threading
from collections.abc import Callable
from threading import Lock

import pytest

from lightship.semaphore import Semaphore
from lightship.services import helpers
from lightship.services.helpers import try_together


@pytest.fixture(autouse=True)
def three_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helpers, "_helpers", Semaphore(3))


def test_each_part_is_done_once_and_by_several_threads() -> None:
    barrier = threading.Barrier(4)
    done: list[int] = []
    threads = set()

    def work(number: int) -> None:
        if number < 4:
            barrier.wait(60)  # passes only if four threads come
        threads.add(threading.get_ident())
        done.append(number)

    assert try_together(work, 20) == [True] * 20
    assert sorted(done) == list(range(20))
    assert len(threads) == 4


def test_after_a_fault_no_part_is_begun_and_the_others_are_known() -> None:
    def work(number: int) -> None:
        if number == 2:
            raise ValueError("broken")

    done = try_together(work, 1000)
    assert not done[2]
    assert done[:2] == [True, True]
    assert not all(done[3:])


def test_helpers_that_have_nothing_left_to_do_are_not_followed_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    started = 0

    def start(target: Callable[[Lock], None], finished: Lock, *, name: str) -> bool:
        nonlocal started
        started += 1
        target(finished)  # ends before the next one could be started
        return True

    def fail(number: int) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(helpers, "start_thread", start)
    assert try_together(lambda _: None, 50) == [True] * 50
    assert not any(try_together(fail, 50))
    assert started == 2


def test_helpers_come_back_after_faults_too() -> None:
    def work(number: int) -> None:
        raise ValueError("broken")

    for _ in range(20):
        try_together(work, 10)
    test_each_part_is_done_once_and_by_several_threads()


def test_without_helpers_the_thread_does_all_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = set()
    monkeypatch.setattr(helpers, "start_thread", lambda *_, **__: False)
    assert try_together(lambda _: threads.add(threading.get_ident()), 9) == [True] * 9
    assert threads == {threading.get_ident()}


def test_nothing_is_done_for_no_parts() -> None:
    assert try_together(lambda _: pytest.fail("called"), 0) == []
