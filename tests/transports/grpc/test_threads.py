from __future__ import annotations

import threading

import pytest

from lightship.transports.grpc.threads import CallThreads


def test_calls_run_beside_each_other_up_to_the_most() -> None:
    threads, together, go_on = CallThreads(most=3), threading.Semaphore(0), threading.Event()

    def work() -> str:
        together.release()
        assert go_on.wait(60)
        return threading.current_thread().name

    futures = [threads.submit(work) for _ in range(5)]
    for _ in range(3):
        assert together.acquire(timeout=60)
    assert not together.acquire(timeout=0.05)
    go_on.set()
    assert {future.result(60) for future in futures} == {"grpc-call"}
    threads.shutdown()


def test_an_idle_thread_is_used_again() -> None:
    threads = CallThreads(most=8)
    first = threads.submit(threading.get_ident).result(60)
    seen = {first} | {threads.submit(threading.get_ident).result(60) for _ in range(50)}
    assert len(seen) <= 3
    threads.shutdown()


def test_what_a_call_raises_is_its_futures() -> None:
    threads = CallThreads(most=1)
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 // 0).result(60)
    assert threads.submit(lambda: 2).result(60) == 2
    threads.shutdown()


def test_nothing_is_taken_after_the_end() -> None:
    threads = CallThreads()
    threads.shutdown()
    with pytest.raises(RuntimeError):
        threads.submit(print)
