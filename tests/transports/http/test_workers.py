from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable

import pytest

from lightship.errors import Unavailable
from lightship.transports.http.workers import Workers

Work = Callable[[], int]


async def full(workers: Workers[Work, int], gate: threading.Event) -> None:
    running = [workers.submit(lambda: int(gate.wait(60))) for _ in range(3)]
    with pytest.raises(Unavailable, match="3 requests wait already"):
        workers.submit(int)
    gate.set()
    assert await asyncio.gather(*running) == [1, 1, 1]
    assert workers.unfinished == 0


def test_what_is_too_much_is_refused() -> None:
    workers: Workers[Work, int] = Workers(lambda work: work(), threads=1, most_waiting=2)
    asyncio.run(full(workers, threading.Event()))
    workers.close()


async def cancelled(workers: Workers[Work, int], gate: threading.Event, ran: list[int]) -> None:
    running = workers.submit(lambda: int(gate.wait(60)))
    waiting = workers.submit(lambda: ran.append(1) or 0)
    waiting.cancel()
    gate.set()
    await running
    assert await workers.submit(lambda: 5) == 5


def test_what_nobody_waits_for_is_not_run() -> None:
    ran: list[int] = []
    workers: Workers[Work, int] = Workers(lambda work: work(), threads=1, most_waiting=9)
    asyncio.run(cancelled(workers, threading.Event(), ran))
    workers.close()
    assert not ran


class Large:
    pass


async def forgotten(workers: Workers[Large, int]) -> None:
    large = Large()
    reference = weakref.ref(large)
    future = workers.submit(large)
    del large
    await future
    gc.collect()
    assert reference() is None


def test_an_idle_thread_holds_nothing_of_its_last_request() -> None:
    workers: Workers[Large, int] = Workers(lambda large: 0, threads=1, most_waiting=9)
    asyncio.run(forgotten(workers))
    workers.close()


async def failing(workers: Workers[int, int]) -> None:
    with pytest.raises(ZeroDivisionError):
        await workers.submit(0)
    assert await workers.submit(1) == 1


def test_a_failure_reaches_who_waits_and_the_thread_lives() -> None:
    workers: Workers[int, int] = Workers(lambda number: 1 // number, threads=1, most_waiting=9)
    asyncio.run(failing(workers))
    workers.close()
