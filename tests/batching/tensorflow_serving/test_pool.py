"""The threads that run the batches of all models: who is next, and when a batch that is not full may run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue

import numpy as np
import pytest

from lightship.batching import EngineCall
from lightship.batching.tensorflow_serving import BatchingParameters, BatchThreads
from lightship.batching.tensorflow_serving.queue import Batch
from lightship.batching.tensorflow_serving.tasks import Task
from lightship.errors import ResourceExhausted

HOUR = 3_600_000_000  # microseconds


class Runs:
    """What the threads ran. Each run waits until the gate is open."""

    def __init__(self) -> None:
        self.begun: SimpleQueue[tuple[str, int]] = SimpleQueue()
        self.gate = threading.Event()
        self.threads: set[str] = set()

    def submit(self, threads: BatchThreads, key: str, rows: int = 1, **values: int) -> Task:
        def run(batch: Batch) -> None:
            self.threads.add(threading.current_thread().name)
            gate = self.gate  # before a test, which sees that it has begun, puts another one in its place
            self.begun.put((key, batch.rows))
            assert gate.wait(60)

        task = Task(EngineCall("s", {}), {"x:0": np.zeros(rows)}, rows, [].append)
        threads.submit(key, BatchingParameters(**values), run, task)
        return task

    def next(self) -> tuple[str, int]:
        return self.begun.get(timeout=60)


@pytest.fixture
def runs() -> Iterator[Runs]:
    made = Runs()
    yield made
    made.gate.set()


def started(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_queues_take_turns(runs: Runs) -> None:
    threads = BatchThreads(1, "pool-test")
    runs.submit(threads, "busy")
    assert runs.next() == ("busy", 1)
    for _ in range(3):
        runs.submit(threads, "a", max_batch_size=1)
    runs.submit(threads, "b")
    runs.gate.set()
    assert [runs.next()[0] for _ in range(4)] == ["a", "b", "a", "a"]
    threads.close()


def test_there_are_no_more_threads_than_allowed_and_none_that_is_not_needed(runs: Runs) -> None:
    threads = BatchThreads(2, "pool-test-two")
    assert not started("pool-test-two")
    for key in ("a", "b", "c", "d"):
        runs.submit(threads, key)
    assert sorted([runs.next()[0], runs.next()[0]]) == ["a", "b"]
    assert len(started("pool-test-two")) == 2
    runs.gate.set()
    assert sorted([runs.next()[0], runs.next()[0]]) == ["c", "d"]
    threads.close()


def test_a_batch_that_is_not_full_waits_for_its_timeout(runs: Runs) -> None:
    threads = BatchThreads(1, "pool-test")
    runs.gate.set()
    runs.submit(threads, "a", max_batch_size=2, batch_timeout_micros=HOUR)
    runs.submit(threads, "b", batch_timeout_micros=1000)
    assert runs.next() == ("b", 1)
    runs.submit(threads, "a", max_batch_size=2, batch_timeout_micros=HOUR)
    assert runs.next() == ("a", 2)
    threads.close()


def test_a_shorter_timeout_is_seen_while_threads_wait_for_a_longer_one(runs: Runs) -> None:
    threads = BatchThreads(3, "pool-test")
    for key in ("a", "b", "c"):
        runs.submit(threads, key)
    for _ in range(3):
        runs.next()
    runs.gate.set()
    runs.submit(threads, "long", batch_timeout_micros=HOUR)
    runs.submit(threads, "short", batch_timeout_micros=20_000)
    runs.submit(threads, "shorter", batch_timeout_micros=1_000)
    assert sorted([runs.next()[0], runs.next()[0]]) == ["short", "shorter"]
    threads.close()
    assert runs.next() == ("long", 1)


def test_closing_runs_what_waits_and_ends_the_threads(runs: Runs) -> None:
    threads = BatchThreads(1, "pool-test-closing")
    runs.gate.set()
    runs.submit(threads, "a", batch_timeout_micros=HOUR)
    threads.close()
    assert runs.next() == ("a", 1)
    for thread in started("pool-test-closing"):
        thread.join(60)
    assert not started("pool-test-closing")


def test_a_task_that_was_withdrawn_is_not_run(runs: Runs) -> None:
    threads = BatchThreads(1, "pool-test")
    runs.submit(threads, "busy")
    runs.next()
    gone = runs.submit(threads, "a")
    assert threads.withdraw("a", gone)
    assert not threads.withdraw("a", gone)
    runs.submit(threads, "b")
    runs.gate.set()
    assert runs.next() == ("b", 1)
    threads.close()


def test_a_run_that_raises_does_not_end_its_thread(runs: Runs) -> None:
    threads = BatchThreads(1, "pool-test")

    def fail(batch: Batch) -> None:
        raise RuntimeError("wrong")

    task = Task(EngineCall("s", {}), {"x:0": np.zeros(1)}, 1, [].append)
    threads.submit("wrong", BatchingParameters(), fail, task)
    runs.gate.set()
    runs.submit(threads, "a")
    assert runs.next() == ("a", 1)
    threads.close()


def no_thread(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_a_task_is_refused_if_the_system_allows_no_thread_and_later_ones_are_run(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = BatchThreads(1, "pool-test")
    runs.gate.set()
    with monkeypatch.context() as system:
        system.setattr(threading.Thread, "start", no_thread)
        for rows in (1, 3):
            with pytest.raises(ResourceExhausted, match="allows this server no further thread now"):
                runs.submit(threads, "a", rows, max_batch_size=4, enable_large_batch_splitting=True)
    runs.submit(threads, "a", 2, max_batch_size=4)
    assert runs.next() == ("a", 2)  # without the rows that were refused
    threads.close()


def test_the_threads_that_there_are_run_everything_if_the_system_allows_no_further_one(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = BatchThreads(3, "pool-test-three")
    runs.submit(threads, "a")
    assert runs.next() == ("a", 1)
    with monkeypatch.context() as system:
        system.setattr(threading.Thread, "start", no_thread)
        for key in ("b", "c"):
            runs.submit(threads, key)
    runs.gate.set()
    assert sorted([runs.next()[0], runs.next()[0]]) == ["b", "c"]
    runs.gate = threading.Event()
    for key in ("d", "e", "f"):
        runs.submit(threads, key)
    assert sorted(runs.next()[0] for _ in range(3)) == ["d", "e", "f"]  # at once: no thread was lost
    runs.gate.set()
    threads.close()
