"""Many calls at the same time, whose results come in order."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from lightship.client.parallel import in_order

SECONDS = 30.0  # a generous deadline


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "lightship-client"]


def test_results_come_in_the_order_of_the_items_whichever_is_ready_first() -> None:
    last = threading.Event()

    def call(item: int) -> int:
        if item == 0:
            assert last.wait(SECONDS)
        if item == 3:
            last.set()
        return item * item

    assert list(in_order(call, range(4), 4)) == [0, 1, 4, 9]
    assert threads() == []


def test_a_result_is_there_before_the_next_item_is() -> None:
    seen: list[int] = []
    done = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        assert done.wait(SECONDS)
        yield 2
        assert seen == [1]

    def call(item: int) -> int:
        done.set()
        return item

    for result in in_order(call, items(), 1):
        seen.append(result)
    assert seen == [1, 2]


def test_no_more_calls_run_and_no_more_items_are_taken_than_allowed() -> None:
    lock, running, most, taken, answered = threading.Lock(), 0, 0, 0, 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(200):
            taken += 1
            assert taken - answered <= 2 * 3 + 1
            yield item

    def call(item: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1
        return item

    for _ in in_order(call, items(), 3):
        answered += 1
    assert (answered, most <= 3) == (200, True)


def test_an_error_comes_in_its_place_and_ends_the_rest() -> None:
    called: list[int] = []

    def call(item: int) -> int:
        called.append(item)
        if item == 5:
            raise ValueError("five")
        return item

    results = in_order(call, range(1000), 2)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="five"):
        next(results)
    assert max(called) <= 5 + 2 * 2
    assert threads() == []


def test_an_error_of_the_items_is_passed_on() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        list(in_order(str, items(), 4))
    assert threads() == []


def test_nothing_gives_nothing_and_starts_no_thread() -> None:
    assert list(in_order(str, [], 4)) == []


def test_who_wants_no_more_does_not_wait_for_calls_that_run() -> None:
    begun, release = threading.Event(), threading.Event()

    def call(item: int) -> int:
        if item == 0:  # its result comes when another call runs
            assert begun.wait(SECONDS)
            return item
        begun.set()
        assert release.wait(SECONDS)
        return item

    results = in_order(call, range(4), 2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    running = threads()
    assert running
    release.set()
    for thread in running:
        thread.join(SECONDS)
    assert threads() == []


def test_calls_that_run_are_finished_though_nobody_wants_their_results_if_asked_to() -> None:
    begun, release, ended = threading.Semaphore(0), threading.Event(), list[int]()

    def call(item: int) -> int:
        if item == 0:  # its result comes when the others have begun
            assert begun.acquire(timeout=SECONDS)
            assert begun.acquire(timeout=SECONDS)
            return item
        begun.release()
        assert release.wait(SECONDS)
        ended.append(item)
        return item

    results = in_order(call, range(3), 3, always_finish=True)
    assert next(results) == 0
    release.set()
    results.close()  # type: ignore[attr-defined]
    assert sorted(ended) == [1, 2]
    assert threads() == []
