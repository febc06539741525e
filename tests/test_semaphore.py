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


def test_a_thread_that_waits_is_served_although_another_takes_it_again_and_again() -> None:
    semaphore, served, end = Semaphore(1), threading.Event(), time.monotonic() + 30
    assert semaphore.acquire()

    def wait() -> None:
        semaphore.acquire()
        served.set()
        semaphore.release()

    waiter = threading.Thread(target=wait)
    waiter.start()
    while not served.is_set() and time.monotonic() < end:
        semaphore.release()
        semaphore.acquire()
    semaphore.release()
    waiter.join(30)
    assert served.is_set()
    assert semaphore.acquire(0)


def test_a_wait_that_times_out_takes_nothing() -> None:
    semaphore = Semaphore(1)
    assert semaphore.acquire()
    assert not semaphore.acquire(0.02)
    semaphore.release()
    assert semaphore.acquire(0)
    assert not semaphore.acquire(0)


def test_no_place_is_lost_or_made_under_load() -> None:
    semaphore, inside, most = Semaphore(3), [0], [0]
    lock = threading.Lock()

    def use() -> None:
        for number in range(300):
            if not semaphore.acquire(None if number % 3 else 0.001):
                continue
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            threading.Event().wait(0.0001)
            with lock:
                inside[0] -= 1
            semaphore.release()

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most[0] <= 3
    assert [semaphore.acquire(0) for _ in range(4)] == [True, True, True, False]
