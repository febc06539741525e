"""Jobs that wait without a thread: their place is free meanwhile, and each goes on or is released."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from lightship.errors import DeadlineExceeded, LightshipError
from lightship.transports.http.executor import Executor, Overloaded, Pending, run_job
from lightship.transports.http.lanes import Origin, WaitLimits

MODEL = Origin("small", "m", "one")
OTHER = Origin("small", "m", "other")
REFUSED = -1


class Gate:
    """A wait that is over when the test says so."""

    refuses = False

    def __init__(self, room: int = 99, *, long: bool = False, prepares: bool = False) -> None:
        self.prepares = prepares
        self.room, self.long, self.seconds, self.joined = room, long, 0.0, 1
        self.begun = threading.Event()
        self.withdrawn = False
        self.deadline: float | None = None
        self._over: Callable[[], None] | None = None

    def begin(self, over: Callable[[], None], deadline: float | None) -> None:
        self._over, self.deadline = over, deadline
        self.begun.set()

    def withdraw(self) -> bool:
        self.withdrawn = self._over is not None
        self._over = None
        return self.withdrawn

    def late_error(self) -> LightshipError:
        return DeadlineExceeded("late")

    def open(self) -> None:
        over, self._over = self._over, None
        assert over is not None
        over()


class OpenGate(Gate):
    def begin(self, over: Callable[[], None], deadline: float | None) -> None:
        over()


class Waits:
    """A job with waits in between. Its result is the number of its parts."""

    def __init__(self, *waits: Gate, error: Exception | None = None) -> None:
        self.waits, self.parts, self.released, self.error = list(waits), 0, 0, error
        self.threads: list[str] = []

    def run(self) -> int | Pending[int]:
        self.parts += 1
        self.threads.append(threading.current_thread().name)
        if self.waits:
            return Pending(self, self.waits.pop(0))
        if self.error is not None:
            raise self.error
        return self.parts

    def release(self) -> None:
        self.released += 1


class HeldJob(Waits):
    """Holds its thread until the event is set."""

    def __init__(self, go_on: threading.Event) -> None:
        super().__init__()
        self._go_on = go_on

    def run(self) -> int | Pending[int]:
        assert self._go_on.wait(60)
        return super().run()


def refusal(error: Overloaded, origin: Origin) -> int:
    return REFUSED


@pytest.fixture
def executor() -> Iterator[Executor]:
    """With one thread."""
    made = Executor(1, 99, WaitLimits())
    yield made
    made.close()


def submitted(executor: Executor, job: Waits, origin: Origin = MODEL) -> asyncio.Future[int]:
    future = executor.submit(job, origin, refusal)
    assert isinstance(future, asyncio.Future)
    return future


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.002)


def test_jobs_that_wait_hold_no_thread(executor: Executor) -> None:
    async def run() -> list[int]:
        gates = [Gate() for _ in range(20)]
        futures = [submitted(executor, Waits(gate)) for gate in gates]
        await until(lambda: all(gate.begun.is_set() for gate in gates))
        assert await submitted(executor, Waits()) == 1
        for gate in gates:
            gate.open()
        return list(await asyncio.gather(*futures))

    assert asyncio.run(run()) == [2] * 20
    assert executor.unfinished == executor.waiting == 0


@pytest.mark.parametrize("prepares", [False, True])
def test_jobs_that_wait_for_a_preparation_are_no_overload(executor: Executor, prepares: bool) -> None:
    """Many more arrive than are finished, which otherwise is an overload: then one may wait, and others are refused."""

    async def run() -> int | None:
        end, gates = time.monotonic() + 0.8, []
        while time.monotonic() < end and len(gates) < 90:
            gates.append(Gate(prepares=prepares))
            submitted(executor, Waits(gates[-1]))
            await until(gates[-1].begun.is_set)
            await asyncio.sleep(0.01)
        futures = [submitted(executor, held), submitted(executor, Waits())]
        refused = executor.refused(MODEL, refusal)
        go_on.set()
        await asyncio.gather(*futures)
        for gate in gates:
            gate.open()
        await until(lambda: executor.unfinished == 0)
        return refused

    go_on = threading.Event()
    held = HeldJob(go_on)
    assert asyncio.run(run()) == (None if prepares else REFUSED)


def test_jobs_that_wait_for_a_preparation_take_no_room_from_others(executor: Executor) -> None:
    async def run() -> list[int]:
        gates = [Gate(room=2, prepares=True) for _ in range(5)]
        futures = [submitted(executor, Waits(gate)) for gate in gates]
        await until(lambda: all(gate.begun.is_set() for gate in gates))
        assert executor.queues() == {("small", "m"): 5}
        withdrawn = futures.pop()
        withdrawn.cancel()
        await until(lambda: gates[-1].withdrawn)
        assert await submitted(executor, Waits()) == 1
        for gate in gates[:-1]:
            gate.open()
        return list(await asyncio.gather(*futures))

    assert asyncio.run(run()) == [2] * 4
    assert executor.queues() == {("small", "m"): 0}


@pytest.mark.parametrize("gates", [1, 3])
def test_a_wait_may_be_over_at_once(executor: Executor, gates: int) -> None:
    async def run() -> int:
        return await submitted(executor, Waits(*(OpenGate() for _ in range(gates))))

    assert asyncio.run(run()) == gates + 1


def test_a_short_rest_is_done_by_whoever_ends_the_wait_and_a_long_one_by_a_thread(executor: Executor) -> None:
    async def run(long: bool) -> list[str]:
        gate = Gate(long=long)
        job = Waits(gate)
        future = submitted(executor, job)
        await until(gate.begun.is_set)
        gate.open()
        assert await future == 2
        return job.threads

    assert asyncio.run(run(False))[1] == threading.current_thread().name
    assert asyncio.run(run(True))[1].startswith("call-")


def test_an_error_after_a_wait_reaches_who_waits(executor: Executor) -> None:
    async def run() -> None:
        gate = Gate()
        future = submitted(executor, Waits(gate, error=ValueError("broken")))
        await until(gate.begun.is_set)
        gate.open()
        with pytest.raises(ValueError, match="broken"):
            await future

    asyncio.run(run())
    assert executor.unfinished == 0


def test_a_cancelled_job_leaves_its_wait_and_is_released_once(executor: Executor) -> None:
    async def run() -> Waits:
        gate = Gate()
        job = Waits(gate)
        future = submitted(executor, job)
        await until(gate.begun.is_set)
        future.cancel()
        await until(lambda: executor.unfinished == 0)
        assert gate.withdrawn
        return job

    job = asyncio.run(run())
    assert (job.released, job.parts) == (1, 1)


def test_a_job_that_is_cancelled_too_late_to_leave_is_released_when_its_wait_is_over(executor: Executor) -> None:
    class Running(Gate):
        def withdraw(self) -> bool:
            return False

    async def run() -> Waits:
        gate = Running()
        job = Waits(gate)
        future = submitted(executor, job)
        await until(gate.begun.is_set)
        future.cancel()
        await asyncio.sleep(0)
        assert job.released == 0
        gate.open()
        await until(lambda: executor.unfinished == 0)
        return job

    job = asyncio.run(run())
    assert (job.released, job.parts) == (1, 1)


def test_a_job_that_is_cancelled_while_its_first_part_runs_leaves_its_wait(executor: Executor) -> None:
    async def run() -> Waits:
        go_on, gate = threading.Event(), Gate()

        class Slow(Waits):
            def run(self) -> int | Pending[int]:
                assert go_on.wait(60)
                return super().run()

        job = Slow(gate)
        future = submitted(executor, job)
        future.cancel()
        await asyncio.sleep(0)
        go_on.set()
        await until(lambda: executor.unfinished == 0)
        return job

    assert asyncio.run(run()).released == 1


def test_no_more_jobs_of_a_model_wait_without_a_thread_than_there_is_room(executor: Executor) -> None:
    async def run() -> None:
        gates = [Gate(room=2) for _ in range(5)]
        futures = [submitted(executor, Waits(gate)) for gate in gates]
        await until(lambda: executor.waiting == 3 and gates[1].begun.is_set())
        assert [gate.begun.is_set() for gate in gates] == [True, True, False, False, False]
        gates[1].open()
        await until(gates[2].begun.is_set)
        futures[0].cancel()
        await until(gates[3].begun.is_set)
        for gate in gates[2:4]:
            gate.open()
        await until(gates[4].begun.is_set)
        gates[4].open()
        assert await asyncio.gather(*futures[1:]) == [2] * 4

    asyncio.run(run())
    assert executor.unfinished == executor.waiting == 0


def test_clients_take_turns_for_the_room(executor: Executor) -> None:
    async def run() -> None:
        busy = [Gate(room=1) for _ in range(4)]
        futures = [submitted(executor, Waits(gate)) for gate in busy]
        await until(lambda: executor.waiting == 3)
        other = Gate(room=1)
        futures.append(submitted(executor, Waits(other), OTHER))
        await until(busy[0].begun.is_set)
        busy[0].open()
        await until(busy[1].begun.is_set)
        busy[1].open()
        await until(other.begun.is_set)
        assert not busy[2].begun.is_set()
        for gate in (other, busy[2], busy[3]):
            await until(gate.begun.is_set)
            gate.open()
        await asyncio.gather(*futures)

    asyncio.run(run())


def test_another_model_does_not_wait_for_the_room_of_one(executor: Executor) -> None:
    async def run() -> None:
        gates = [Gate(room=1) for _ in range(3)]
        futures = [submitted(executor, Waits(gate)) for gate in gates]
        await until(lambda: executor.waiting == 2)
        assert await submitted(executor, Waits(), Origin("small", "n")) == 1
        for gate in gates:
            await until(gate.begun.is_set)
            gate.open()
        await asyncio.gather(*futures)

    asyncio.run(run())


def test_the_wait_learns_the_deadline(executor: Executor) -> None:
    async def run() -> None:
        gate = Gate()
        future = executor.submit(Waits(gate), MODEL, refusal, 12345.0)
        await until(gate.begun.is_set)
        gate.open()
        assert isinstance(future, asyncio.Future)
        await future
        assert gate.deadline == 12345.0

    asyncio.run(run())


def test_a_job_can_be_done_on_one_thread() -> None:
    gate = Gate()
    opener = threading.Thread(target=lambda: gate.begun.wait(60) and gate.open())
    opener.start()
    assert run_job(Waits(OpenGate(), gate)) == 3
    opener.join()
