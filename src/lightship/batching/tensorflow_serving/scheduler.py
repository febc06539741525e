"""TensorFlow Serving's batching for one version of one model."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Protocol

from lightship.batching.base import LATE, Done, EngineCall, Outcome, Ran, Results
from lightship.batching.preparing import Preparing
from lightship.batching.tensorflow_serving.feeds import Feeds
from lightship.batching.tensorflow_serving.merging import divided, merged
from lightship.batching.tensorflow_serving.parameters import BatchingParameters
from lightship.batching.tensorflow_serving.pool import BatchThreads
from lightship.batching.tensorflow_serving.queue import Batch
from lightship.batching.tensorflow_serving.tasks import Ended, Task, rows_of, same_error
from lightship.engines.base import Engine, check_inputs, check_outputs
from lightship.errors import DeadlineExceeded, LightshipError, ResourceExhausted
from lightship.memory_budget import NOT_COUNTED, Reservation
from lightship.saved_model.signatures import Signature

logger = logging.getLogger(__name__)

_LATE = "Run() timeout exceeded while waiting in batching queue"


class BatchObserver(Protocol):
    """Receives what metrics count. Several threads may call its methods at the same time."""

    def called(self, rows: int) -> None:
        """A call came with so many rows."""

    def waited(self, seconds: float) -> None:
        """A call, or a part of one, was in its queue for so long."""

    def ran(self, rows: int, size: int) -> None:
        """A batch of so many rows was filled up to `size` rows and run."""


class TensorFlowServingBatching:
    """Runs the calls of one version of one model in batches.

    Calls that feed and fetch the same tensors of the graph share a queue, whatever their signatures call them. A
    signature is compiled before its first calls come into their queue, so that no thread of the batches waits for that.
    `reserve` returns the reservation that counts the memory of a batch. `ran` is told of each run.
    """

    def __init__(
        self,
        engine: Engine,
        signatures: Mapping[str, Signature],
        parameters: BatchingParameters,
        threads: BatchThreads,
        reserve: Callable[[], Reservation] = lambda: NOT_COUNTED,
        observer: BatchObserver | None = None,
        ran: Ran | None = None,
    ) -> None:
        self._engine, self._parameters, self._threads = engine, parameters, threads
        self._feeds = {name: Feeds(signature) for name, signature in signatures.items()}
        self._reserve, self._observer, self._ran = reserve, observer, ran
        self._waiting: dict[EngineCall, tuple[Hashable, Task]] = {}  # calls that wait or run
        self._preparing = {name: Preparing(self._prepare, self._ready, f"prepare-{name}") for name in signatures}

    refuses = True

    @property
    def room(self) -> int:
        """Unlimited, because `max_enqueued_batches` says when a call is refused."""
        return sys.maxsize

    def prepares(self, call: EngineCall) -> bool:
        return not self._ready(call)

    def run(self, call: EngineCall) -> Results:
        """Puts a call into its queue, and waits until its batch has run. Raises the errors of `submit`."""
        outcome: SimpleQueue[Ended] = SimpleQueue()
        self.submit(call, outcome.put)
        ended = outcome.get()
        if isinstance(ended, BaseException):
            raise ended
        return ended

    def submit(self, call: EngineCall, done: Done) -> None:
        """Puts a call into its queue.

        `done` gets, with TensorFlow Serving's texts, InvalidArgument for inputs that cannot be batched, Unavailable if
        the queue is full, and what a run of its whole batch raises.
        """
        if self._ready(call):
            self._submit(call, done)
        else:
            self._preparing[call.signature].submit(call, done)

    def withdraw(self, call: EngineCall) -> bool:
        if self._preparing[call.signature].withdraw(call):
            return True
        waiting = self._waiting.get(call)
        if waiting is None or not self._threads.withdraw(*waiting):
            return False
        del self._waiting[call]
        return True

    def late_error(self, call: EngineCall) -> LightshipError:
        """Returns TensorFlow Serving's error: that of the queue for a call that waits in it."""
        waiting = self._waiting.get(call)
        return ResourceExhausted(_LATE) if waiting is not None and not waiting[1].begun else DeadlineExceeded(LATE)

    def try_run(self, calls: Sequence[EngineCall]) -> list[Outcome]:
        """Runs nothing: calls wait for others on the threads of all batches."""
        return [None] * len(calls)

    def joins(self, signature: str, calls: int) -> bool:
        return False

    def close(self) -> None:
        """Ends the threads of its own. Those of the batches belong to all models."""
        for preparing in self._preparing.values():
            preparing.close()

    def _ready(self, call: EngineCall) -> bool:
        """Returns whether the call's signature is compiled. Shapes do not count: those of the batch are not known."""
        return self._engine.ready(call.signature, {})

    def _prepare(self, call: EngineCall, done: Done) -> None:
        """Compiles the call's signature, if that has not been done, and puts the call into its queue."""
        try:
            self._engine.engine_of(call.signature)
        except BaseException as error:
            done(error)
        else:
            self._submit(call, done)

    def _submit(self, call: EngineCall, done: Done) -> None:
        try:
            self._enter(call, done)
        except BaseException as error:
            done(error)

    def _enter(self, call: EngineCall, done: Done) -> None:
        feeds = self._feeds[call.signature]
        wanted = check_outputs(feeds.signature, call.outputs)
        rows = rows_of(call.inputs)
        check_inputs(feeds.signature, call.inputs)
        key = (self, feeds.fed, feeds.fetched(wanted))
        finish = feeds.naming(wanted, done)

        def finished(ended: Ended) -> None:
            del self._waiting[call]
            finish(ended)

        task = Task(call, feeds.by_tensor(call.inputs), rows, finished)
        self._waiting[call] = key, task
        try:
            self._threads.submit(key, self._parameters, partial(self._run, feeds, wanted), task)
        except BaseException:
            del self._waiting[call]
            raise
        if self._observer is not None:
            self._observer.called(rows)

    def _run(self, feeds: Feeds, wanted: Sequence[str], batch: Batch) -> None:
        """Runs a batch, and gives every task its outputs, or the error."""
        now, tasks = time.monotonic(), batch.tasks
        for task in tasks:
            task.taken = True
        if self._observer is not None:
            for task in tasks:
                self._observer.waited(now - task.entered)
        outcomes: Sequence[Ended]
        try:
            _check_deadlines(tasks, now)
            outcomes = self._outputs(feeds, wanted, batch)
        except BaseException as error:
            outcomes = [same_error(error) for _ in tasks]
        for task, outcome in zip(tasks, outcomes, strict=True):
            _finish(task, outcome)

    def _outputs(self, feeds: Feeds, wanted: Sequence[str], batch: Batch) -> list[Results]:
        parameters = self._parameters
        size = parameters.filled_size(batch.rows)
        with self._reserve() as memory:
            inputs = merged(batch.tasks, size, memory, pad=parameters.pad_variable_length_inputs)
            size = len(next(iter(inputs.values())))  # a batch without any row is not filled up
            begun = time.perf_counter()
            outputs = self._engine.run(feeds.signature.name, feeds.by_name(inputs), wanted)
            seconds = time.perf_counter() - begun
            _note_run(batch.tasks, seconds)
        if self._ran is not None:
            self._ran(seconds * 1_000_000)
        if self._observer is not None:
            self._observer.ran(batch.rows, size)
        return divided(feeds.outputs_by_tensor(outputs), batch.tasks, size)


def _check_deadlines(tasks: Sequence[Task], now: float) -> None:
    """Raises ResourceExhausted, with TensorFlow Serving's text, if the deadlines of all tasks have passed."""
    if all(task.call.deadline is not None and now >= task.call.deadline for task in tasks):
        raise ResourceExhausted(_LATE)


def _note_run(tasks: Sequence[Task], seconds: float) -> None:
    """Notes the run in its calls. Those that were split have several runs."""
    for task in tasks:
        task.call.seconds += seconds
        task.call.joined = len(tasks)


def _finish(task: Task, outcome: Ended) -> None:
    try:
        task.finish(outcome)
    except Exception:  # an error of one caller must not keep the answers from the others
        logger.exception("a call's outputs could not be handed over")
