"""The threads that run batches, which all models of a server share."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import NamedTuple

from lightship.batching.tensorflow_serving.parameters import BatchingParameters
from lightship.batching.tensorflow_serving.queue import Batch, BatchQueue
from lightship.batching.tensorflow_serving.tasks import Task
from lightship.errors import ResourceExhausted
from lightship.threads import start_thread

logger = logging.getLogger(__name__)

_NEVER = float("inf")


class _Waiting(NamedTuple):
    """A queue with tasks, and what runs its batches."""

    queue: BatchQueue
    run: Callable[[Batch], None]


class BatchThreads:
    """Runs batches on at most `threads` threads, which are started when they are needed.

    Queues exist only while tasks wait in them, and take turns. Any thread may call the methods.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._most, self._name = threads, name
        self._changed = threading.Condition()
        self._queues: OrderedDict[Hashable, _Waiting] = OrderedDict()  # the one whose turn it is first
        self._started = self._idle = 0
        self._timed = _NEVER  # when the first thread that waits for a time will wake up
        self._closed = False

    def submit(self, key: Hashable, parameters: BatchingParameters, run: Callable[[Batch], None], task: Task) -> None:
        """Adds a task to the queue with this key.

        Raises the errors of `BatchQueue.add`, and ResourceExhausted if there is no thread and the system allows none.
        `run` is called with each batch of the queue, on one of the threads.
        """
        with self._changed:
            waiting = self._queues.get(key)
            if waiting is None:
                waiting = _Waiting(BatchQueue(parameters), run)
            waiting.queue.add(task, time.monotonic())
            self._queues[key] = waiting
            if not self._wake():
                self._remove(key, task)
                raise ResourceExhausted("the system allows this server no further thread now; try again later")

    def withdraw(self, key: Hashable, task: Task) -> bool:
        """Removes a task for which nobody waits. Returns False if a thread has taken it."""
        with self._changed:
            return self._remove(key, task)

    def close(self) -> None:
        """Ends the threads once no task waits. Does not wait for them. Further tasks are still run."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _remove(self, key: Hashable, task: Task) -> bool:
        waiting = self._queues.get(key)
        if waiting is None or not waiting.queue.remove(task):
            return False
        if not waiting.queue:
            del self._queues[key]
        return True

    def _wake(self) -> bool:
        """Lets a thread look at the queues. Must be called with the lock. Returns False if no thread will look."""
        if self._idle:
            self._changed.notify()
        elif self._started < self._most and start_thread(self._work, name=self._name):
            self._started += 1
        return self._started > 0

    def _work(self) -> None:
        while (taken := self._next()) is not None:
            run, batch = taken
            try:
                run(batch)
            except BaseException:  # an error in one batch must not end the thread
                logger.exception("running a batch failed")
            del taken, run, batch  # frees the batch's arrays before the next one comes

    def _next(self) -> tuple[Callable[[Batch], None], Batch] | None:
        """Waits for a batch. Returns None if the thread is to end."""
        with self._changed:
            while True:
                now = time.monotonic()
                taken, due = self._take(now)
                if taken is not None:
                    if self._queues:
                        self._wake()
                    return taken
                if self._closed and not self._queues:
                    self._started -= 1
                    return None
                self._wait(due, now)

    def _take(self, now: float) -> tuple[tuple[Callable[[Batch], None], Batch] | None, float]:
        """Returns a batch, or None and when there will be one."""
        due = _NEVER
        for key, (queue, run) in self._queues.items():
            ready = queue.ready_at()
            if ready <= now or self._closed:
                batch = queue.take()
                if queue:
                    self._queues.move_to_end(key)
                else:
                    del self._queues[key]
                return (run, batch), due
            due = min(due, ready)
        return None, due

    def _wait(self, due: float, now: float) -> None:
        """Waits for a change. One thread waits for the time that is due first, and the others for that thread."""
        timed = due < self._timed
        if timed:
            self._timed = due
        self._idle += 1
        try:
            self._changed.wait(min(due - now, threading.TIMEOUT_MAX) if timed else None)
        finally:
            self._idle -= 1
            if timed and self._timed == due:
                self._timed = _NEVER
