"""Calls that arrive together, or wait for the engine, are joined; and nobody suffers from another's call."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.batching.engines import CHEAP, LONG, SIGNATURE, FakeEngine, call, joined

from lightship.batching import Direct, EngineCall, Joined
from lightship.errors import DeadlineExceeded, InvalidArgument

Make = Callable[..., tuple[Joined, FakeEngine]]


@pytest.fixture
def made(half_plus_two: Path) -> Iterator[Make]:
    """Makes schedulers and closes them."""
    schedulers: list[tuple[Joined, FakeEngine]] = []

    def make(
        costs: Mapping[int, float] | None = CHEAP, streams: int = 1, observed: list[tuple[int, int]] | None = None
    ) -> tuple[Joined, FakeEngine]:
        engine = FakeEngine(costs, streams)
        schedulers.append((joined(engine, half_plus_two, observed), engine))
        return schedulers[-1]

    yield make
    for scheduler, engine in schedulers:
        engine.go_on.set()
        scheduler.close()


class Outcomes:
    """What became of calls that were submitted, by their number."""

    def __init__(self) -> None:
        self.found: dict[int, Any] = {}
        self._changed = threading.Condition()

    def of(self, number: int) -> Callable[[Any], None]:
        def done(outcome: Any) -> None:
            with self._changed:
                assert number not in self.found, "a call has ended twice"
                self.found[number] = outcome
                self._changed.notify_all()

        return done

    def wait(self, count: int) -> dict[int, Any]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.found) >= count, 60)
        return self.found

    def values(self, number: int) -> list[float]:
        values: list[float] = self.found[number]["y"].ravel().tolist()
        return values


def hold(scheduler: Joined, engine: FakeEngine, runs: int = 2) -> Outcomes:
    """Lets runs begin and not end. Returns the outcomes of their calls, whose numbers are -1, -2, ..."""
    engine.go_on.clear()
    outcomes = Outcomes()
    for number in range(1, runs + 1):
        threading.Thread(target=scheduler.submit, args=(call(-number), outcomes.of(-number)), daemon=True).start()
        assert engine.begun.acquire(timeout=60)
    return outcomes


# On an event loop.


def test_calls_of_a_turn_are_one_run(made: Make) -> None:
    observed: list[tuple[int, int]] = []
    scheduler, engine = made(observed=observed)
    outcomes: list[Any] = scheduler.try_run([call(1), call(2, 3), call(4)])
    assert [one["y"].ravel().tolist() for one in outcomes] == [[2], [4, 6], [8]]
    assert engine.runs == [[1, 2, 3, 4]]
    assert observed == [(3, 4)]


def test_a_lone_call_is_run_as_it_is(made: Make) -> None:
    scheduler, engine = made()
    (outcome,) = scheduler.try_run([call(1)])
    assert isinstance(outcome, dict)
    assert engine.runs == [[1]]


def test_output_filters_keep_calls_apart(made: Make) -> None:
    scheduler, engine = made()
    calls = [call(1), call(2, outputs=["y"]), call(3), call(4, outputs=["y"]), call(5, outputs=["more"])]
    outcomes: list[Any] = scheduler.try_run(calls)
    assert [sorted(one) for one in outcomes] == [["more", "y"], ["y"], ["more", "y"], ["y"], ["more"]]
    assert sorted(engine.runs) == [[1, 3], [2, 4], [5]]


def test_rows_that_are_not_independent_are_never_joined(made: Make) -> None:
    scheduler, engine = made(None)
    scheduler.try_run([call(1), call(2), call(3)])
    assert engine.runs == [[1], [2], [3]]


@pytest.mark.parametrize("costs", [{}, {1: 1e-4, 2: 1.95e-4, 4: 3.9e-4}], ids=["unknown", "not cheaper"])
def test_nothing_is_joined_that_is_not_known_to_be_cheaper(made: Make, costs: dict[int, float]) -> None:
    scheduler, engine = made(costs)
    scheduler.try_run([call(1), call(2), call(3)])
    assert engine.runs == [[1], [2], [3]]


def test_a_joint_run_on_the_loop_is_short(made: Make) -> None:
    scheduler, engine = made({1: 1e-4, 2: 1.5e-4, 4: 2.5e-4, 8: 4e-4})
    scheduler.try_run([call(number) for number in range(8)])
    assert engine.runs == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_a_row_that_fails_in_a_turn_fails_only_its_call(made: Make) -> None:
    scheduler, _ = made()
    outcomes: list[Any] = scheduler.try_run([call(1), call(13), call(3)])
    assert outcomes[0]["y"].ravel().tolist() == [2]
    assert isinstance(outcomes[1], InvalidArgument)
    assert outcomes[2]["y"].ravel().tolist() == [6]


def test_a_row_for_another_engine_leaves_only_its_call_to_a_thread(made: Make) -> None:
    scheduler, _ = made()
    outcomes: list[Any] = scheduler.try_run([call(1), call(99), call(3)])
    assert [one and one["y"].ravel().tolist() for one in outcomes] == [[2], None, [6]]


def test_a_wrong_dtype_or_name_in_a_turn_concerns_only_its_call(made: Make) -> None:
    scheduler, engine = made()
    wrong = EngineCall(SIGNATURE, {"z": call(2).inputs["x"]})
    outcomes: list[Any] = scheduler.try_run([call(1), call(2, dtype=float), wrong, call(3)])
    assert outcomes[0]["y"].ravel().tolist() == [2]
    assert isinstance(outcomes[2], KeyError)  # the real engine has a better error
    assert [1, 3] in engine.runs


def test_a_batch_of_a_size_that_the_loop_does_not_know_is_first_run_on_a_thread(made: Make) -> None:
    scheduler, engine = made()
    priming = scheduler._queues[SIGNATURE]._priming
    priming.forget(2)
    engine.short = False
    assert scheduler.try_run([call(1), call(2)]) == [None, None]
    until(lambda: priming.known(2))
    assert engine.runs == [[1, 2]]
    assert scheduler.try_run([call(1), call(2)]) != [None, None]


def test_calls_of_a_turn_are_answered_although_the_system_allows_no_thread(
    made: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler, engine = made()
    scheduler._queues[SIGNATURE]._priming.forget(2)
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    outcomes: list[Any] = scheduler.try_run([call(1), call(2)])
    assert [one["y"].ravel().tolist() for one in outcomes] == [[2], [4]]
    scheduler.close()  # waits for no thread


def test_a_scheduler_is_closed_when_its_run_on_a_thread_has_ended(made: Make) -> None:
    scheduler, engine = made()
    scheduler._queues[SIGNATURE]._priming.forget(2)
    engine.short = False
    engine.go_on.clear()
    scheduler.try_run([call(1), call(2)])
    assert engine.begun.acquire(timeout=60)
    closed = threading.Event()
    threading.Thread(target=lambda: (scheduler.close(), closed.set()), daemon=True).start()
    assert not closed.wait(0.05)
    engine.go_on.set()
    assert closed.wait(60)


@pytest.mark.parametrize(("seconds", "runs"), [(1.0, 2), (0.011, 4), (0.00045, 68)])
def test_a_batch_that_was_slow_for_a_while_is_left_to_a_thread(made: Make, seconds: float, runs: int) -> None:
    scheduler, _ = made()
    priming = scheduler._queues[SIGNATURE]._priming
    for _ in range(3):
        for _ in range(runs - 1):
            priming.note(2, seconds)
        assert priming.known(2)
        priming.note(2, 0.0001)  # it is short again
    for _ in range(runs):
        priming.note(2, seconds)
    assert not priming.known(2)


def test_a_run_that_other_processes_held_up_is_not_taken_for_a_slow_one(
    made: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightship.batching.priming.SHORT_SECONDS", 0.02)  # the garbage collector may come in between
    scheduler, engine = made()
    priming = scheduler._queues[SIGNATURE]._priming
    assert priming.clock is time.perf_counter
    run = engine.run_joined

    def held_up(*arguments: Any, **options: Any) -> Any:
        time.sleep(0.05)  # takes no processor time
        return run(*arguments, **options)

    engine.run_joined = held_up  # type: ignore[method-assign]
    for clock in (time.thread_time, time.perf_counter, time.thread_time):
        scheduler.try_run([call(1), call(2)])
        assert priming.clock is clock
        assert priming.known(2)


def test_a_size_for_which_the_engine_is_not_prepared_any_more_is_left_to_a_thread(made: Make) -> None:
    scheduler, engine = made()
    engine.run_joined = lambda *_, **__: None  # type: ignore[method-assign]
    outcomes: list[Any] = scheduler.try_run([call(1), call(2)])
    assert [one["y"].ravel().tolist() for one in outcomes] == [[2], [4]]
    assert not scheduler._queues[SIGNATURE]._priming.known(2)


# Calls that stand for several.


def test_a_call_that_stands_for_several_is_one_run(made: Make) -> None:
    observed: list[tuple[int, int]] = []
    scheduler, engine = made(observed=observed)
    (outcome,) = scheduler.try_run([call(1, 2, 3, 4, calls=2)])
    assert outcome["y"].ravel().tolist() == [2, 4, 6, 8]  # type: ignore[index, call-overload]
    assert engine.runs == [[1, 2, 3, 4]]
    assert observed == [(2, 4)]


def test_a_call_that_stands_for_several_is_filled_up_and_joined_with_others(made: Make) -> None:
    observed: list[tuple[int, int]] = []
    scheduler, engine = made(observed=observed)
    outcomes: list[Any] = scheduler.try_run([call(1), call(2, 3, 4, calls=3), call(5)])
    assert [one["y"].ravel().tolist() for one in outcomes] == [[2], [4, 6, 8], [10]]
    assert engine.runs == [[1, 2, 3, 4, 5, 5, 5, 5]]
    assert observed == [(5, 5)]


@pytest.mark.parametrize("bad", [13, 99], ids=["fails", "belongs to another engine"])
def test_a_call_that_stands_for_several_is_left_to_its_sender_if_it_cannot_be_joined(made: Make, bad: float) -> None:
    scheduler, engine = made()
    outcomes: list[Any] = scheduler.try_run([call(1), call(2, bad, calls=2), call(3)])
    assert outcomes[1] is None
    assert [outcomes[index]["y"].ravel().tolist() for index in (0, 2)] == [[2], [6]]
    assert [2, bad] not in engine.runs


@pytest.mark.parametrize(
    "costs",
    [None, {}, {1: 1e-4, 2: 1.95e-4, 4: 3.9e-4}, {1: 1e-4, 2: 1.5e-4, 4: 2.5e-4, 8: 4e-4}],
    ids=["rows depend on each other", "unknown", "not cheaper", "too long for the loop"],
)
def test_a_call_that_stands_for_several_is_not_run_where_they_would_not_be_joined(made: Make, costs: Any) -> None:
    scheduler, engine = made(costs)
    outcomes: list[Any] = scheduler.try_run([call(*range(8), calls=8), call(9)])
    assert outcomes[0] is None
    assert outcomes[1]["y"].ravel().tolist() == [18]
    assert engine.runs == [[9]]


def test_only_calls_that_may_be_joined_are_said_to_be(made: Make, half_plus_two: Path) -> None:
    assert made()[0].joins(SIGNATURE, 2)
    assert not made()[0].joins(SIGNATURE, 17)  # more than the largest batch
    assert not made({})[0].joins(SIGNATURE, 2)
    assert not made()[0].joins("none", 2)
    direct = Direct(FakeEngine())  # type: ignore[arg-type]
    assert not direct.joins(SIGNATURE, 2)
    assert direct.try_run([call(1, 2, calls=2)]) == [None]


# On threads.


def test_calls_that_wait_are_the_next_batch(made: Make) -> None:
    scheduler, engine = made(LONG)
    outcomes = hold(scheduler, engine)
    for number in range(8):
        scheduler.submit(call(number), outcomes.of(number))  # returns at once, because it must wait
    engine.go_on.set()
    outcomes.wait(10)
    assert [outcomes.values(number) for number in range(8)] == [[2 * number] for number in range(8)]
    assert list(range(8)) in engine.runs


def test_a_batch_can_have_far_more_calls_than_there_are_threads(made: Make) -> None:
    scheduler, engine = made(LONG)
    outcomes = hold(scheduler, engine)
    before = set(threading.enumerate())
    for number in range(100):
        scheduler.submit(call(number), outcomes.of(number))
    # Threads of other tests may begin and end meanwhile.
    assert len(set(threading.enumerate()) - before) < 10
    engine.go_on.set()
    outcomes.wait(102)
    assert max(map(len, engine.runs)) == 16


def test_nobody_waits_for_a_call_that_has_not_come(made: Make) -> None:
    scheduler, engine = made(LONG)
    outcomes = Outcomes()
    scheduler.submit(call(1), outcomes.of(1))
    assert outcomes.values(1) == [2]
    assert engine.runs == [[1]]


def test_as_many_runs_go_on_as_the_engine_has_streams_and_one_more(made: Make) -> None:
    scheduler, engine = made(LONG, streams=3)
    outcomes = hold(scheduler, engine, runs=4)
    scheduler.submit(call(1), outcomes.of(1))
    assert not engine.begun.acquire(blocking=False)
    engine.go_on.set()
    outcomes.wait(5)


def test_a_row_that_fails_in_a_batch_fails_only_its_call(made: Make) -> None:
    scheduler, engine = made(LONG)
    outcomes = hold(scheduler, engine)
    for number in range(10, 18):
        scheduler.submit(call(number), outcomes.of(number))
    engine.go_on.set()
    outcomes.wait(10)
    assert isinstance(outcomes.found[13], InvalidArgument)
    assert [outcomes.values(number) for number in (10, 11, 12, 14, 15, 16, 17)] == [
        [20],
        [22],
        [24],
        [28],
        [30],
        [32],
        [34],
    ]


def test_a_row_for_another_engine_goes_there_alone_and_after_the_others(made: Make) -> None:
    scheduler, engine = made(LONG)
    outcomes = hold(scheduler, engine)
    for number, value in enumerate((1.0, 99.0, 2.0, 3.0)):
        scheduler.submit(call(value), outcomes.of(number))
    engine.go_on.set()
    outcomes.wait(6)
    assert [outcomes.values(number) for number in range(4)] == [[2], [-1], [4], [6]]
    assert engine.runs[-1] == [99]


def test_a_blocking_run_is_joined_too(made: Make) -> None:
    scheduler, engine = made(LONG)
    outcomes = hold(scheduler, engine)
    found: list[float] = []

    def run(value: float) -> None:
        found.extend(scheduler.run(call(value))["y"].ravel().tolist())

    threads = [threading.Thread(target=run, args=(value,)) for value in (1.0, 2.0)]
    for thread in threads:
        thread.start()
    (queue,) = [queue for queue in scheduler._queues.values() if queue._name == SIGNATURE]
    until(lambda: len(queue._waiting) == 2)
    engine.go_on.set()
    for thread in threads:
        thread.join(60)
    assert sorted(found) == [2, 4]
    assert [1, 2] in [sorted(run) for run in engine.runs]
    outcomes.wait(2)


def test_a_call_that_was_withdrawn_is_in_no_batch(made: Make) -> None:
    scheduler, engine = made(LONG)
    outcomes = hold(scheduler, engine)
    calls = [call(number) for number in range(4)]
    for number, one in enumerate(calls):
        scheduler.submit(one, outcomes.of(number))
    assert scheduler.withdraw(calls[2])
    assert not scheduler.withdraw(calls[2])
    engine.go_on.set()
    outcomes.wait(5)
    assert not scheduler.withdraw(calls[0])
    assert 2 not in outcomes.found
    assert all(2 not in run for run in engine.runs)


def test_a_call_past_its_deadline_is_in_no_batch(made: Make) -> None:
    scheduler, engine = made(LONG)
    outcomes = hold(scheduler, engine)
    scheduler.submit(call(1, deadline=time.monotonic()), outcomes.of(1))
    scheduler.submit(call(2, deadline=time.monotonic() + 600), outcomes.of(2))
    engine.go_on.set()
    outcomes.wait(4)
    assert isinstance(outcomes.found[1], DeadlineExceeded)
    assert outcomes.values(2) == [4]
    assert all(1 not in run for run in engine.runs)


def test_a_blocking_run_ends_at_its_deadline(made: Make) -> None:
    scheduler, engine = made(LONG)
    outcomes = hold(scheduler, engine)
    with pytest.raises(DeadlineExceeded):
        scheduler.run(call(1, deadline=time.monotonic() + 0.05))
    engine.go_on.set()
    outcomes.wait(2)
    assert all(1 not in run for run in engine.runs)


def test_a_handler_that_fails_concerns_neither_its_batch_nor_the_queue(made: Make) -> None:
    scheduler, engine = made(LONG)
    outcomes = hold(scheduler, engine)

    def fail(outcome: Any) -> None:
        raise ZeroDivisionError

    for number in range(4):
        scheduler.submit(call(number), fail if number == 1 else outcomes.of(number))
    engine.go_on.set()
    outcomes.wait(5)
    assert [0, 1, 2, 3] in engine.runs
    scheduler.submit(call(5), outcomes.of(5))
    outcomes.wait(6)
    assert [outcomes.values(number) for number in (0, 2, 3, 5)] == [[0], [4], [6], [10]]


def test_every_call_of_many_threads_ends_once_and_with_its_own_rows(made: Make) -> None:
    scheduler, engine = made(LONG)
    outcomes, each = Outcomes(), 50

    def submit(thread: int) -> None:
        for number in range(thread * each, (thread + 1) * each):
            rows = [float(number + 1000)] * (1 + number % 3)
            scheduler.submit(call(*rows), outcomes.of(number))

    threads = [threading.Thread(target=submit, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    outcomes.wait(8 * each)
    for number in range(8 * each):
        assert outcomes.values(number) == [2 * (number + 1000)] * (1 + number % 3)


def test_calls_that_wait_are_run_by_a_caller_when_the_system_allows_no_thread(
    made: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler, engine = made(LONG)
    outcomes = hold(scheduler, engine)
    for number in range(4):
        scheduler.submit(call(number), outcomes.of(number))
    with monkeypatch.context() as system:
        system.setattr(threading.Thread, "start", no_thread)
        engine.go_on.set()
        outcomes.wait(6)
    assert [outcomes.values(number) for number in range(4)] == [[0], [2], [4], [6]]
    until(lambda: scheduler._queues[SIGNATURE]._running == 0)  # no place is lost


def no_thread(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.002)
