"""Which batch a call comes into, when a batch may run, and when a queue is full."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightship.batching import EngineCall
from lightship.batching.tensorflow_serving.parameters import BatchingParameters
from lightship.batching.tensorflow_serving.queue import BatchQueue
from lightship.batching.tensorflow_serving.tasks import Ended, Task
from lightship.errors import InvalidArgument, Unavailable


def task(rows: int, outcomes: list[Ended] | None = None, start: int = 0) -> Task:
    finish = [].append if outcomes is None else outcomes.append
    return Task(EngineCall("s", {}), {"x:0": np.arange(start, start + rows, dtype=np.float32)}, rows, finish)


def queue_of(*sizes: int, **values: Any) -> BatchQueue:
    queue = BatchQueue(BatchingParameters(**values))
    for rows in sizes:
        queue.add(task(rows), 0.0)
    return queue


def taken(queue: BatchQueue) -> list[list[int]]:
    """The sizes of the tasks of each batch."""
    batches = []
    while queue:
        batches.append([one.rows for one in queue.take().tasks])
    return batches


def test_calls_share_a_batch_up_to_its_largest_size() -> None:
    assert taken(queue_of(2, 1, 1, 3, 2, max_batch_size=4)) == [[2, 1, 1], [3], [2]]


def test_a_call_larger_than_the_largest_batch_is_refused() -> None:
    queue = queue_of(1, max_batch_size=4)
    with pytest.raises(InvalidArgument) as caught:
        queue.add(task(5), 0.0)
    assert caught.value.message == "Task size 5 is larger than maximum input batch size 4"
    assert taken(queue) == [[1]]


def test_a_full_queue_refuses_calls_that_need_a_new_batch() -> None:
    queue = queue_of(*[4] * 9, 3, max_batch_size=4)
    queue.add(task(1), 0.0)
    with pytest.raises(Unavailable) as caught:
        queue.add(task(1), 0.0)
    assert caught.value.message == (
        "The batch scheduling queue to which this task was submitted is full; "
        "currently 10 batches enqueued and max_enqueued_batches is 10"
    )
    queue.take()
    queue.add(task(1), 0.0)


def test_no_enqueued_batches_means_one_without_splitting() -> None:
    queue = queue_of(2, 2, max_batch_size=4, max_enqueued_batches=0)
    with pytest.raises(Unavailable, match="currently 1 batches enqueued and max_enqueued_batches is 0"):
        queue.add(task(1), 0.0)


def test_a_full_batch_is_ready_at_once_and_another_after_its_timeout() -> None:
    queue = BatchQueue(BatchingParameters(max_batch_size=4, batch_timeout_micros=2_000_000))
    assert queue.ready_at() == float("inf")
    queue.add(task(2), 10.0)
    queue.add(task(1), 11.0)
    assert queue.ready_at() == 12.0
    queue.add(task(1), 11.5)
    assert queue.ready_at() == 0.0


def test_without_a_timeout_a_batch_is_ready_when_its_first_call_has_come() -> None:
    queue = BatchQueue(BatchingParameters())
    queue.add(task(2), 10.0)
    assert queue.ready_at() == 10.0


def test_splitting_fills_the_current_batch_first() -> None:
    values = {"max_batch_size": 10, "enable_large_batch_splitting": True, "max_execution_batch_size": 4}
    assert taken(queue_of(3, 10, 3, **values)) == [[3, 1], [4], [4], [1, 3]]


def test_with_splitting_a_call_larger_than_the_largest_call_is_refused() -> None:
    values = {"max_batch_size": 10, "enable_large_batch_splitting": True, "max_execution_batch_size": 4}
    with pytest.raises(InvalidArgument, match="Task size 11 is larger than maximum input batch size 10"):
        queue_of(11, **values)


def test_a_full_queue_with_splitting_says_how_much_room_there_is() -> None:
    values = {"max_batch_size": 10, "enable_large_batch_splitting": True, "max_execution_batch_size": 4}
    queue = queue_of(5, max_enqueued_batches=3, **values)
    with pytest.raises(Unavailable) as caught:
        queue.add(task(8), 0.0)
    assert caught.value.message == (
        "The batch scheduling queue to which this task was submitted is full; task size is 8 but scheduling capacity "
        "is only 7 (num_enqueued_batches=2, max_enqueued_batches=3, open_batch_size=1, max_execution_batch_size=4)"
    )
    queue.add(task(7), 0.0)
    assert taken(queue) == [[4], [1, 3], [4]]


def test_a_call_for_which_nobody_waits_leaves_its_batch() -> None:
    queue = queue_of(2, max_batch_size=4)
    gone, last = task(2), task(4)
    queue.add(gone, 0.0)
    queue.add(last, 0.0)
    assert queue.remove(gone)
    assert not queue.remove(gone)
    assert queue.remove(last)
    assert taken(queue) == [[2]]


def test_a_batch_that_lost_its_only_call_is_removed() -> None:
    queue = BatchQueue(BatchingParameters(max_batch_size=4))
    gone, last = task(4), task(4)
    queue.add(gone, 0.0)
    queue.add(last, 0.0)
    assert queue.remove(gone)
    assert taken(queue) == [[4]]
    queue.add(gone, 0.0)
    assert queue.remove(gone)
    assert not queue


def test_all_parts_of_a_split_call_leave_together() -> None:
    queue = queue_of(1, max_batch_size=9, enable_large_batch_splitting=True, max_execution_batch_size=4)
    gone = task(9)
    queue.add(gone, 0.0)
    assert queue.remove(gone)
    assert taken(queue) == [[1]]


def test_a_split_call_stays_when_a_part_of_it_runs() -> None:
    queue = queue_of(max_batch_size=9, enable_large_batch_splitting=True, max_execution_batch_size=4)
    started = task(9)
    queue.add(started, 0.0)
    queue.take()
    assert not queue.remove(started)


@given(sizes=st.lists(st.integers(0, 20), max_size=20), limit=st.integers(1, 20))
def test_split_calls_get_the_outputs_of_their_own_rows(sizes: list[int], limit: int) -> None:
    values = {"max_batch_size": 20, "max_execution_batch_size": limit, "max_enqueued_batches": 1000}
    queue = BatchQueue(BatchingParameters(enable_large_batch_splitting=True, **values))
    outcomes: list[list[Ended]] = [[] for _ in sizes]
    for index, rows in enumerate(sizes):
        queue.add(task(rows, outcomes[index], 100 * index), 0.0)
    while queue:
        batch = queue.take()
        assert batch.rows == sum(one.rows for one in batch.tasks) <= limit
        for one in reversed(batch.tasks):
            one.finish({"y:0": 2 * one.inputs["x:0"]})
    for index, (rows, (outcome,)) in enumerate(zip(sizes, outcomes, strict=True)):
        assert isinstance(outcome, dict)
        assert outcome["y:0"].tolist() == [2.0 * (100 * index + row) for row in range(rows)]


def test_a_split_call_fails_with_the_error_of_a_part() -> None:
    queue = queue_of(max_batch_size=8, enable_large_batch_splitting=True, max_execution_batch_size=4)
    outcomes: list[Ended] = []
    queue.add(task(8, outcomes), 0.0)
    (first,), (second,) = queue.take().tasks, queue.take().tasks
    second.finish({"y:0": np.zeros(4)})
    assert outcomes == []
    error = InvalidArgument("wrong")
    first.finish(error)
    assert outcomes == [error]
