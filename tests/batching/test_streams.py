"""Threads of a queue: as many as are needed, and none that is idle for long."""

from __future__ import annotations

import threading
import time

from lightship.batching.streams import Streams


def alive(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


def until_alive(name: str, count: int) -> None:
    end = time.monotonic() + 60
    while alive(name) != count:
        assert time.monotonic() < end
        threading.Event().wait(0.005)


def test_each_call_of_wake_is_some_work_and_idle_threads_are_used_again() -> None:
    worked = threading.Semaphore(0)
    streams = Streams(worked.release, "stream-a")
    for _ in range(50):
        streams.wake()
        assert worked.acquire(timeout=60)
    assert 1 <= alive("stream-a") <= 50
    streams.close()
    until_alive("stream-a", 0)


def test_work_that_waits_does_not_hold_up_other_work() -> None:
    both = threading.Barrier(2, timeout=60)
    streams = Streams(lambda: both.wait() and None, "stream-b")
    streams.wake()
    streams.wake()
    until_alive("stream-b", 2)
    streams.close()
    until_alive("stream-b", 0)


def test_a_thread_that_was_idle_for_a_while_ends() -> None:
    worked = threading.Semaphore(0)
    streams = Streams(worked.release, "stream-c", idle_seconds=0.01)
    streams.wake()
    assert worked.acquire(timeout=60)
    until_alive("stream-c", 0)
    streams.wake()
    assert worked.acquire(timeout=60)
