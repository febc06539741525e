"""Jobs on threads: a bounded queue, each job run or released, nothing held longer than needed."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable

import pytest

from lightship.errors import Unavailable
from lightship.transports.http.executor import Executor


class Work:
    def __init__(self, function: Callable[[], int]) -> None:
        self.run = function
        self.released = 0

    def release(self) -> None:
        self.released += 1


async def full(executor: Executor[int], gate: threading.Event) -> None:
    running = [executor.submit(Work(lambda: int(gate.wait(10)))) for _ in range(3)]
    refused = Work(int)
    with pytest.raises(Unavailable, match="3 requests wait already"):
        executor.submit(refused)
    gate.set()
    assert await asyncio.gather(*running) == [1, 1, 1]
    assert executor.unfinished == 0
    assert not refused.released


def test_what_is_too_much_is_refused() -> None:
    executor: Executor[int] = Executor(threads=1, max_waiting=2)
    asyncio.run(full(executor, threading.Event()))
    executor.close()


async def cancelled(executor: Executor[int], gate: threading.Event, unwanted: Work) -> None:
    running = executor.submit(Work(lambda: int(gate.wait(10))))
    executor.submit(unwanted).cancel()
    gate.set()
    await running
    assert await executor.submit(Work(lambda: 5)) == 5


def test_a_job_that_nobody_waits_for_is_released_and_not_run() -> None:
    ran: list[int] = []
    executor: Executor[int] = Executor(threads=1, max_waiting=9)
    unwanted = Work(lambda: ran.append(1) or 0)
    asyncio.run(cancelled(executor, threading.Event(), unwanted))
    executor.close()
    assert not ran
    assert unwanted.released == 1


async def forgotten(executor: Executor[int]) -> None:
    large = Work(int)
    reference = weakref.ref(large)
    future = executor.submit(large)
    del large
    await future
    gc.collect()
    assert reference() is None


def test_an_idle_thread_holds_nothing_of_its_last_request() -> None:
    executor: Executor[int] = Executor(threads=1, max_waiting=9)
    asyncio.run(forgotten(executor))
    executor.close()


async def failing(executor: Executor[int]) -> None:
    with pytest.raises(ZeroDivisionError):
        await executor.submit(Work(lambda: 1 // 0))
    assert await executor.submit(Work(lambda: 1)) == 1


def test_a_failure_reaches_who_waits_and_the_thread_lives() -> None:
    executor: Executor[int] = Executor(threads=1, max_waiting=9)
    asyncio.run(failing(executor))
    executor.close()
