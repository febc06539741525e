"""A queue of batches: calls that feed and fetch the same tensors of one version of one model."""

from __future__ import annotations

from collections import deque

from lightship.batching.tensorflow_serving.parameters import BatchingParameters
from lightship.batching.tensorflow_serving.tasks import Task
from lightship.errors import InvalidArgument, Unavailable


class Batch:
    """Tasks that are run together. `opened` is when its first task came, by `time.monotonic`."""

    __slots__ = ("opened", "rows", "tasks")

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.rows = 0
        self.opened = 0.0

    def add(self, task: Task, now: float) -> None:
        if not self.tasks:
            self.opened = now
        task.entered = now
        self.tasks.append(task)
        self.rows += task.rows


class BatchQueue:
    """Batches that wait, the oldest first. All but the last are closed: no task is added to them any more.

    It does no locking. A queue without tasks holds nothing, and may be thrown away.
    """

    def __init__(self, parameters: BatchingParameters) -> None:
        self._parameters = parameters
        self._timeout = parameters.batch_timeout_micros / 1_000_000
        self._limit = parameters.batch_limit
        self._batches: deque[Batch] = deque([Batch()])

    def __bool__(self) -> bool:
        """Whether any task waits."""
        return len(self._batches) > 1 or bool(self._batches[-1].tasks)

    def add(self, task: Task, now: float) -> None:
        """Adds a task to the last batch, or to new ones.

        Raises InvalidArgument for a task that is too large, and Unavailable if the queue is full.
        """
        largest = self._parameters.max_batch_size
        if task.rows > largest:
            raise InvalidArgument(f"Task size {task.rows} is larger than maximum input batch size {largest}")
        if self._parameters.enable_large_batch_splitting:
            self._add_divided(task, now)
        else:
            self._add_whole(task, now)

    def ready_at(self) -> float:
        """Returns when the first batch may be run, by `time.monotonic`: 0 for now, infinity if nothing waits."""
        if len(self._batches) > 1:
            return 0.0
        batch = self._batches[0]
        if not batch.tasks:
            return float("inf")
        return 0.0 if batch.rows >= self._limit else batch.opened + self._timeout

    def take(self) -> Batch:
        """Removes and returns the first batch."""
        batch = self._batches.popleft()
        if not self._batches:
            self._batches.append(Batch())
        return batch

    def remove(self, task: Task) -> bool:
        """Removes a task for which nobody waits any more. Returns False if any part of it has been taken already."""
        parts = task.parts or [task]
        if not all(any(part in batch.tasks for batch in self._batches) for part in parts):
            return False
        for part in parts:
            self._remove(part)
        return True

    def _remove(self, task: Task) -> None:
        batch = next(one for one in self._batches if task in one.tasks)
        batch.tasks.remove(task)
        batch.rows -= task.rows
        if not batch.tasks and batch is not self._batches[-1]:
            self._batches.remove(batch)

    def _add_whole(self, task: Task, now: float) -> None:
        batch = self._batches[-1]
        if batch.rows + task.rows > self._limit:
            self._check_room()
            batch = self._open()
        batch.add(task, now)

    def _check_room(self) -> None:
        enqueued, most = len(self._batches), self._parameters.max_enqueued_batches
        if enqueued >= most:
            raise Unavailable(
                "The batch scheduling queue to which this task was submitted is full; "
                f"currently {enqueued} batches enqueued and max_enqueued_batches is {most}"
            )

    def _open(self) -> Batch:
        batch = Batch()
        self._batches.append(batch)
        return batch

    def _add_divided(self, task: Task, now: float) -> None:
        self._check_capacity(task)
        free = self._limit - self._batches[-1].rows
        if task.rows <= free:
            self._batches[-1].add(task, now)
            return
        sizes = _sizes(task.rows, free, self._limit)
        for part in task.divided(sizes) if len(sizes) > 1 else [task]:
            batch = self._batches[-1]
            (batch if batch.rows + part.rows <= self._limit else self._open()).add(part, now)

    def _check_capacity(self, task: Task) -> None:
        enqueued, most = len(self._batches), self._parameters.max_enqueued_batches
        open_size = self._batches[-1].rows
        capacity = (most - enqueued) * self._limit + self._limit - open_size
        if task.rows > capacity:
            raise Unavailable(
                "The batch scheduling queue to which this task was submitted is full; "
                f"task size is {task.rows} but scheduling capacity is only {max(0, capacity)} "
                f"(num_enqueued_batches={enqueued}, max_enqueued_batches={most}, open_batch_size={open_size}, "
                f"max_execution_batch_size={self._limit})"
            )


def _sizes(rows: int, free: int, limit: int) -> list[int]:
    """Returns the sizes of the parts of a task: what is free in the current batch first, then whole batches."""
    sizes = [free] if free > 0 else []
    rest = rows - sum(sizes)
    return sizes + [limit] * (rest // limit) + ([rest % limit] if rest % limit else [])
