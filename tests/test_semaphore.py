"""A semaphore limits how many hold it, and waits no longer than it should."""

from __future__ import annotations

import threading
import time

from lightship.semaphore import Semaphore


def test_no_more_than_count_acquire_it() -> None:
    semaphore = Semaphore(2)
    assert [semaphore.acquire(0), semaphore.acquire(0), semaphore.acquire(0)] == [True, True, False]
    semaphore.release()
    assert [semaphore.acquire(0), semaphore.acquire(0)] == [True, False]


def test_a_wait_ends_in_time() -> None:
    start = time.monotonic()
    assert not Semaphore(0).acquire(0.05)
    assert time.monotonic() - start >= 0.05


def test_a_release_wakes_one_that_waits() -> None:
    semaphore, got = Semaphore(1), []
    assert semaphore.acquire()
    waiting = [threading.Thread(target=lambda: got.append(semaphore.acquire())) for _ in range(3)]
    for thread in waiting:
        thread.start()
    assert not got
    for _ in waiting:
        semaphore.release()
    for thread in waiting:
        thread.join(20)
    assert got == [True, True, True]
    assert not semaphore.acquire(0)
