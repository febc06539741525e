"""Jobs on threads: each is run or released, kinds of work do not wait for each other, models and clients take turns."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator

import pytest

from lightship.transports.http import lanes
from lightship.transports.http.executor import Executor, Moved, Overloaded
from lightship.transports.http.lanes import Lane, Origin, WaitLimits

A, B = Origin("small", "a"), Origin("small", "b")
REFUSED = -1


class Work:
    def __init__(self, function: Callable[[], int | Moved[int]]) -> None:
        self.run = function
        self.released = 0

    def release(self) -> None:
        self.released += 1


def refusal(error: Overloaded, origin: Origin) -> int:
    assert error.retry_after >= 1
    assert origin.kind
    return REFUSED


Made = Callable[..., Executor]


@pytest.fixture
def made() -> Iterator[Made]:
    """Makes executors and closes them."""
    executors: list[Executor] = []

    def make(threads: int, max_waiting: int = 99, **limits: float) -> Executor:
        executors.append(Executor(threads, max_waiting, WaitLimits(**limits)))
        return executors[-1]

    yield make
    for executor in executors:
        executor.close()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def waiting(gate: threading.Event) -> Work:
    return Work(lambda: int(gate.wait(60)))


async def submit(executor: Executor, work: Work, origin: Origin = A) -> asyncio.Future[int]:
    future = executor.submit(work, origin, refusal)
    assert not isinstance(future, int), "refused"
    return future


async def result(executor: Executor, work: Work, origin: Origin = A) -> int:
    return await asyncio.wait_for(await submit(executor, work, origin), 60)


async def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.005)


def test_what_is_too_much_is_refused_and_released(made: Made, gate: threading.Event) -> None:
    async def run() -> None:
        running = [await submit(executor, waiting(gate)) for _ in range(3)]
        refused = Work(int)
        assert executor.submit(refused, A, refusal) == REFUSED
        assert refused.released == 1
        gate.set()
        assert await asyncio.gather(*running) == [1, 1, 1]
        assert (executor.unfinished, executor.waiting) == (0, 0)

    executor = made(threads=1, max_waiting=2)
    asyncio.run(run())


def test_a_job_that_nobody_waits_for_is_released_at_once_and_not_run(made: Made, gate: threading.Event) -> None:
    async def run() -> None:
        running = await submit(executor, waiting(gate))
        (await submit(executor, unwanted)).cancel()
        await until(lambda: unwanted.released == 1)
        assert (executor.unfinished, executor.waiting) == (1, 0)
        gate.set()
        await running
        assert await result(executor, Work(lambda: 5)) == 5

    ran: list[int] = []
    unwanted = Work(lambda: ran.append(1) or 0)
    executor = made(threads=1)
    asyncio.run(run())
    assert not ran
    assert unwanted.released == 1


def test_an_idle_thread_holds_nothing_of_its_last_request(made: Made) -> None:
    async def run() -> None:
        large = Work(int)
        reference = weakref.ref(large)
        future = await submit(executor, large)
        del large
        await future
        gc.collect()
        assert reference() is None

    executor = made(threads=1)
    asyncio.run(run())


def test_a_failure_reaches_who_waits_and_the_thread_lives(made: Made) -> None:
    async def run() -> None:
        with pytest.raises(ZeroDivisionError):
            await result(executor, Work(lambda: 1 // 0))
        assert await result(executor, Work(lambda: 1)) == 1

    executor = made(threads=1)
    asyncio.run(run())


def test_a_kind_of_work_does_not_wait_for_another(made: Made, gate: threading.Event) -> None:
    async def run() -> None:
        held = [await submit(executor, waiting(gate), Origin("large", "a")) for _ in range(9)]
        assert await result(executor, Work(lambda: 7), Origin("small", "a")) == 7
        gate.set()
        await asyncio.gather(*held)

    executor = made(threads=1)
    asyncio.run(run())


def test_a_full_queue_of_one_kind_does_not_refuse_another(made: Made, gate: threading.Event) -> None:
    async def run() -> None:
        for _ in range(3):
            await submit(executor, waiting(gate), Origin("large", "a"))
        assert executor.submit(Work(int), Origin("large", "a"), refusal) == REFUSED
        for _ in range(3):
            await submit(executor, waiting(gate), Origin("small", "a"))
        gate.set()

    executor = made(threads=1, max_waiting=2)
    asyncio.run(run())


def test_a_client_that_fills_the_queue_gives_way_to_another(made: Made, gate: threading.Event) -> None:
    async def run() -> None:
        greedy, modest = Origin("large", "a", "greedy"), Origin("large", "a", "modest")
        works = [waiting(gate) for _ in range(4)]
        futures = [await submit(executor, work, greedy) for work in works]
        assert executor.refused(greedy, refusal) == executor.submit(Work(int), greedy, refusal) == REFUSED
        assert executor.refused(modest, refusal) is None
        answer = await submit(executor, waiting(gate), modest)
        assert await asyncio.wait_for(futures[-1], 60) == REFUSED
        assert [work.released for work in works] == [0, 0, 0, 1]
        second = await submit(executor, waiting(gate), modest) if executor.refused(modest, refusal) is None else None
        assert second is None  # both clients have as many as they can
        gate.set()
        assert await asyncio.wait_for(answer, 60) == 1
        assert await asyncio.gather(*futures[:3]) == [1, 1, 1]
        await until(lambda: executor.unfinished == 0)
        assert executor.waiting == 0

    executor = made(threads=1, max_waiting=3)
    asyncio.run(run())


def test_a_model_has_a_thread_although_another_holds_all_and_waits_for_more(made: Made, gate: threading.Event) -> None:
    async def run() -> None:
        held = [await submit(executor, waiting(gate), A) for _ in range(9)]
        for _ in range(3):
            assert await result(executor, Work(lambda: 7), B) == 7
        gate.set()
        await asyncio.gather(*held)

    executor = made(threads=2)
    asyncio.run(run())


def test_a_model_has_a_thread_although_another_has_those_for_long_runs_too(made: Made, gate: threading.Event) -> None:
    """As while the first calls of a signature wait until it is compiled."""

    async def run() -> None:
        held = [await submit(executor, waiting(gate), A) for _ in range(9)]
        await until(lambda: executor.waiting == 9 - 2 * threads)
        for _ in range(3):
            assert await result(executor, Work(lambda: 7), B) == 7
        assert not any(one.done() for one in held)
        gate.set()
        await asyncio.gather(*held)

    threads = 2
    executor = made(threads=threads)
    asyncio.run(run())


@pytest.fixture
def _none_overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is held gets no further thread, however long a busy machine takes over the test."""
    monkeypatch.setattr(lanes, "_OVERDUE", 600.0)


def order_of(executor: Executor, first: threading.Event, origins: list[Origin]) -> list[Origin]:
    """The order in which jobs run that wait for one thread. The other one is held until they have run."""
    ran: list[Origin] = []
    second = threading.Event()

    async def run() -> None:
        held = [
            await submit(executor, waiting(one), Origin("small", name)) for name, one in (("p", first), ("q", second))
        ]
        jobs = [await submit(executor, Work(lambda one=one: ran.append(one) or 0), one) for one in origins]
        first.set()
        await asyncio.gather(*jobs)
        second.set()
        await asyncio.gather(*held)

    try:
        asyncio.run(run())
    finally:
        second.set()
    return ran


@pytest.mark.usefixtures("_none_overdue")
def test_clients_of_a_model_take_turns(made: Made, gate: threading.Event) -> None:
    greedy, other = (Origin("small", "x", client) for client in ("greedy", "other"))
    ran = order_of(made(threads=1), gate, [greedy] * 5 + [other] * 2)
    assert set(ran[:2]) == {greedy, other}
    assert set(ran[2:4]) == {greedy, other}


@pytest.mark.usefixtures("_none_overdue")
def test_models_take_turns(made: Made, gate: threading.Event) -> None:
    """With one thread, of equals none comes first for ever."""
    x, y = Origin("small", "x"), Origin("small", "y")
    ran = order_of(made(threads=1), gate, [x] * 5 + [y] * 3)
    assert ran.index(y) < 3
    assert sorted(ran) == sorted([x] * 5 + [y] * 3)


def test_runs_that_take_unusually_long_do_not_hold_up_the_others(made: Made, gate: threading.Event) -> None:
    async def run() -> None:
        for _ in range(5):
            await result(executor, Work(int))
        held = [await submit(executor, waiting(gate)) for _ in range(2)]
        assert await result(executor, Work(lambda: 7)) == 7  # the same model, kind and client
        gate.set()
        await asyncio.gather(*held)

    executor = made(threads=2)
    asyncio.run(run())


def test_a_job_goes_on_as_another_kind_of_work(made: Made, gate: threading.Event) -> None:
    async def run() -> None:
        rest = Work(lambda: 5)
        held = [await submit(executor, waiting(gate), Origin("images", "a")) for _ in range(2)]
        moved = await submit(executor, Work(lambda: Moved(rest, "images")), A)
        await until(lambda: executor.waiting == 2)
        assert await result(executor, Work(lambda: 7), A) == 7  # its first thread is free again
        gate.set()
        assert await moved == 5
        await asyncio.gather(*held)
        assert executor.unfinished == 0

    executor = made(threads=1)
    asyncio.run(run())


def test_the_rest_of_a_job_that_nobody_waits_for_is_released(made: Made, gate: threading.Event) -> None:
    async def run() -> None:
        rest, begun, cut = Work(int), threading.Event(), threading.Event()
        held = [await submit(executor, waiting(gate), Origin("images", "a")) for _ in range(2)]

        def first() -> Moved[int]:
            begun.set()
            cut.wait(60)
            return Moved(rest, "images")

        moving = await submit(executor, Work(first), A)
        await until(begun.is_set)
        moving.cancel()
        await asyncio.sleep(0)
        cut.set()
        await until(lambda: rest.released == 1)
        assert executor.waiting == 1
        gate.set()
        await asyncio.gather(*held)

    executor = made(threads=1)
    asyncio.run(run())


def test_a_job_that_cannot_start_within_its_deadline_is_refused(made: Made, gate: threading.Event) -> None:
    async def run() -> None:
        for _ in range(3):
            await result(executor, Work(lambda: time.sleep(0.02) or 0))
        accepted = [await submit(executor, waiting(gate))]
        while not isinstance(future := executor.submit(waiting(gate), A, refusal), int):
            accepted.append(future)
        assert 2 <= len(accepted) < 90
        assert executor.refused(A, refusal) == REFUSED
        assert executor.refused(B, refusal) is None
        gate.set()
        await asyncio.gather(*accepted)
        assert executor.refused(A, refusal) is None
        assert await result(executor, Work(lambda: 3)) == 3

    executor = made(threads=1, deadline=1.0)
    asyncio.run(run())


def test_a_job_that_cannot_start_within_the_deadline_of_its_call_is_refused(made: Made, gate: threading.Event) -> None:
    async def run() -> None:
        for _ in range(5):
            await result(executor, Work(lambda: time.sleep(0.05) or 1))
        running = await submit(executor, waiting(gate))
        now = time.monotonic()
        late = Work(int)
        assert executor.submit(late, A, refusal, now + 0.01) == REFUSED
        assert late.released == 1
        behind = await submit(executor, Work(lambda: 2))
        assert executor.refused(A, refusal, now + 0.01) == REFUSED
        assert executor.refused(A, refusal, now + 600) is None
        assert executor.refused(A, refusal) is None
        gate.set()
        assert await asyncio.gather(running, behind) == [1, 2]

    executor = made(threads=1)
    asyncio.run(run())


def test_jobs_that_wait_are_shed_when_an_overload_is_noticed(made: Made) -> None:
    """Many times as many arrive as can run, until some were shed, others refused at once, and others have run.

    It ends with the load.
    """

    async def run() -> None:
        end, refused, futures, results = time.monotonic() + 60, 0, [], list[int]()
        while REFUSED not in results or refused <= 100 or results.count(0) <= 30:
            assert time.monotonic() < end, (refused, results.count(0), results.count(REFUSED))
            for _ in range(3):
                answer = executor.submit(Work(lambda: time.sleep(0.01) or 0), A, refusal)
                if isinstance(answer, int):
                    refused += 1
                else:
                    answer.add_done_callback(lambda one: results.append(one.result()))
                    futures.append(answer)
            await asyncio.sleep(0.001)
        await asyncio.gather(*futures)
        assert await result(executor, Work(lambda: 3)) == 3

    executor = made(threads=1, max_waiting=100_000)
    asyncio.run(run())


def test_a_burst_of_many_clients_is_no_overload(made: Made) -> None:
    async def client() -> int:
        return sum([await result(executor, Work(lambda: time.sleep(0.002) or 0)) for _ in range(5)])

    async def run() -> None:
        assert await asyncio.gather(*(client() for _ in range(100))) == [0] * 100

    executor = made(threads=2, max_waiting=1000)
    asyncio.run(run())


class NoThreads:
    """A system that allows no further thread, as long as it is `full`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full, self._start = True, threading.Thread.start
        monkeypatch.setattr(threading.Thread, "start", lambda thread: self.start(thread))

    def start(self, thread: threading.Thread) -> None:
        if self.full:
            raise RuntimeError("can't start new thread")
        self._start(thread)


@pytest.mark.parametrize("others", [0, 1])
def test_a_job_waits_for_a_thread_that_the_system_does_not_allow_now(
    made: Made, gate: threading.Event, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    async def run() -> None:
        running = [await submit(executor, waiting(gate), B) for _ in range(others)]
        system = NoThreads(monkeypatch)
        late = [await submit(executor, Work(lambda: 7)) for _ in range(3)]
        assert (executor.waiting, executor.unfinished) == (3, 3 + others)
        system.full = False
        assert await asyncio.wait_for(asyncio.gather(*late), 60) == [7, 7, 7]
        gate.set()
        await asyncio.gather(*running)
        assert (executor.waiting, executor.unfinished) == (0, 0)
        both = [await submit(executor, waiting(gate), one) for one in (A, B)]  # as many run at once as before
        assert await asyncio.wait_for(asyncio.gather(*both), 60) == [1, 1]

    executor = made(threads=2)
    asyncio.run(run())


def test_jobs_that_wait_for_a_thread_are_taken_over_by_those_that_end(
    made: Made, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        running = await submit(executor, waiting(gate))
        NoThreads(monkeypatch)
        late = [await submit(executor, Work(lambda: 7)) for _ in range(3)]
        gate.set()
        assert await asyncio.wait_for(asyncio.gather(running, *late), 60) == [1, 7, 7, 7]

    executor = made(threads=2)
    asyncio.run(run())


def test_when_too_many_wait_for_a_thread_further_ones_are_refused(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        system = NoThreads(monkeypatch)
        late = [await submit(executor, Work(lambda: 7)) for _ in range(2)]
        refused = Work(int)
        assert executor.submit(refused, A, refusal) == REFUSED
        assert refused.released == 1
        system.full = False
        assert await asyncio.wait_for(asyncio.gather(*late), 60) == [7, 7]
        assert (executor.waiting, executor.unfinished) == (0, 0)

    executor = made(threads=2, max_waiting=2)
    asyncio.run(run())


def test_an_error_in_the_checks_does_not_end_them(
    made: Made, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: faults.append(1))
        system = NoThreads(monkeypatch)
        late = await submit(executor, Work(lambda: 7))
        monkeypatch.setattr(Lane, "notice_overdue", fail_once)
        await until(lambda: bool(faults))
        system.full = False
        assert await asyncio.wait_for(late, 60) == 7

    def fail_once(lane: Lane[object], now: float) -> None:
        monkeypatch.setattr(Lane, "notice_overdue", notice)
        raise ZeroDivisionError("a fault")

    faults: list[int] = []
    notice = Lane.notice_overdue
    executor = made(threads=2)
    asyncio.run(run())
