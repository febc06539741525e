"""The calls of one signature that wait for the engine, and who runs them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping, Sequence

from lightship.batching.base import LATE, Done, EngineCall, Outcome, Ran, RanAtOnce
from lightship.batching.batch import RowCounter, Rows
from lightship.batching.direct import try_alone
from lightship.batching.joint_runs import JointRuns, Observe, Waiting, run_alone
from lightship.batching.plan import Plan
from lightship.batching.preparing import Preparing
from lightship.batching.priming import Priming
from lightship.batching.steady_size import SteadySize
from lightship.batching.streams import Streams
from lightship.engines.base import SHORT_SECONDS, Engine, Joining
from lightship.errors import DeadlineExceeded
from lightship.saved_model.signatures import Signature

# Further runs at a time, whose inputs are copied or outputs written while the engine computes the others.
_MORE_RUNS = 1


class SignatureQueue:
    """Runs the calls of one signature. Any thread may call its methods.

    Calls that may be joined have as many runs at a time as the engine has streams, and one more. Further calls wait.
    When a run ends, the next one takes the oldest call that waits and those that can be joined with it, up to the
    largest batch that is worth it.
    Calls for which the engine has to compile something first wait for each other, and nobody for them (`Preparing`).
    Nobody waits for a call that has not come. The thread that brings a call runs it if it need not wait; the calls that
    wait are run by threads of the queue.
    """

    def __init__(
        self,
        engine: Engine,
        signature: Signature,
        observe: Observe,
        ran: Ran | None = None,
        ran_at_once: RanAtOnce | None = None,
    ) -> None:
        self._engine, self._name, self._ran, self._ran_at_once = engine, signature.name, ran, ran_at_once
        self._counter = RowCounter(signature)
        self._runs = JointRuns(engine, observe, ran, ran_at_once)
        self._priming = Priming(engine, signature.name)
        self._steady_size = SteadySize()
        self._streams = Streams(self._work, f"engine-{signature.name}")
        self._preparing = Preparing(self._run_prepared, self.ready, f"prepare-{signature.name}")
        self._lock = threading.Lock()
        self._waiting: dict[EngineCall, Waiting] = {}  # the oldest first
        self._running = 0
        self._joining: Joining | None = None
        self._plan = Plan({})
        self._most = 1 + _MORE_RUNS  # runs at a time

    @property
    def room(self) -> int:
        """Enough calls for the next batches. Further ones wait in the executor, where clients take turns."""
        largest = self.plan().largest
        return 2 * self._most * largest if largest > 1 else sys.maxsize

    def plan(self) -> Plan:
        """Returns the batches that are worth it. There are none until the costs are measured."""
        joining = self._engine.joining(self._name)
        if joining is not self._joining:
            self._joining, self._plan = joining, Plan({} if joining is None else joining.costs)
            self._most = (1 if joining is None else joining.streams) + _MORE_RUNS
        return self._plan

    def joins(self, calls: int) -> bool:
        """Returns whether the event loop would run so many calls of one row as one now."""
        plan = self.plan()
        return calls >= plan.fewest and plan.take_equal(calls, 1, SHORT_SECONDS)[0] == calls

    def ready(self, call: EngineCall) -> bool:
        """Returns whether a call need not wait until the engine has compiled something."""
        return self._engine.ready(self._name, call.inputs)

    def submit(self, call: EngineCall, done: Done) -> None:
        rows = self._joinable_rows(call)
        if rows is None and not self.ready(call):
            self._preparing.submit(call, done)
        else:
            self._submit(call, rows, done)

    def _run_prepared(self, call: EngineCall, done: Done) -> None:
        self._submit(call, self._joinable_rows(call), done)

    def _joinable_rows(self, call: EngineCall) -> Rows | None:
        return self._counter.rows(call) if self.plan().largest > 1 else None

    def _submit(self, call: EngineCall, rows: Rows | None, done: Done) -> None:
        if rows is None:
            done(run_alone(self._engine, call, self._ran))
            return
        with self._lock:
            if self._running >= self._most:
                self._waiting[call] = Waiting(call, rows, done)
                return
            self._running += 1
        try:
            done(run_alone(self._engine, call, self._ran))
        finally:
            self._end_run()

    def withdraw(self, call: EngineCall) -> bool:
        with self._lock:
            if self._waiting.pop(call, None) is not None:
                return True
        return self._preparing.withdraw(call)

    def try_run(self, calls: Sequence[EngineCall]) -> list[Outcome]:
        """Runs calls that have arrived together, on an event loop, as far as they are short."""
        plan = self.plan()
        if plan.largest == 1:
            return [self._try_alone(call) for call in calls]
        if len(calls) == 1 and calls[0].calls > 1:  # the usual case on a busy server
            return [self._try_several(plan, calls[0])]
        outcomes: list[Outcome] = [None] * len(calls)
        groups: dict[object, list[tuple[int, int]]] = {}  # the index of each call, and its number of rows
        for index, rows in enumerate(map(self._counter.rows, calls)):
            if rows is None:
                outcomes[index] = self._try_alone(calls[index])
            else:
                groups.setdefault(rows.key, []).append((index, rows.number))
        for group in groups.values():
            if any([calls[index].calls > 1 for index, _ in group]):
                group = self._try_whole(plan, calls, group, outcomes)
            self._try_group(plan, calls, group, outcomes)
        return outcomes

    def close(self) -> None:
        self._preparing.close()
        self._streams.close()
        self._priming.close()

    def _try_several(self, plan: Plan, call: EngineCall) -> Outcome:
        """Runs a call that stands for several, if all of them are one batch."""
        rows = self._counter.rows(call)
        if rows is None:
            return self._try_alone(call)
        count, size = plan.take_equal(call.calls, rows.number // call.calls, SHORT_SECONDS)
        if count < call.calls:
            return None
        return self._try_batch(plan, (call,), (rows.number,), size)[0]

    def _try_whole(
        self, plan: Plan, calls: Sequence[EngineCall], group: list[tuple[int, int]], outcomes: list[Outcome]
    ) -> list[tuple[int, int]]:
        """Runs a group with calls that stand for several, if all of it is one batch. Returns what is to be run yet."""
        rows = [number // calls[index].calls for index, number in group for _ in range(calls[index].calls)]
        count, size = plan.take(rows, SHORT_SECONDS)
        if count == len(rows):
            results = self._try_batch(plan, [calls[index] for index, _ in group], [number for _, number in group], size)
            for (index, _), result in zip(group, results, strict=True):
                outcomes[index] = result
            return []
        return [(index, number) for index, number in group if calls[index].calls == 1]

    def _try_group(
        self, plan: Plan, calls: Sequence[EngineCall], group: list[tuple[int, int]], outcomes: list[Outcome]
    ) -> None:
        if sum([number for _, number in group]) < plan.fewest:
            for index, _ in group:
                outcomes[index] = self._try_alone(calls[index])
            return
        while group:
            count, size = plan.take([rows for _, rows in group], SHORT_SECONDS)
            some, group = group[:count], group[count:]
            batch, rows = [calls[index] for index, _ in some], [rows for _, rows in some]
            results = self._try_batch(plan, batch, rows, size) if count > 1 else [self._try_alone(batch[0])]
            for (index, _), result in zip(some, results, strict=True):
                outcomes[index] = result

    def _try_alone(self, call: EngineCall) -> Outcome:
        return try_alone(self._engine, call, self._ran_at_once)

    def _try_batch(self, plan: Plan, batch: Sequence[EngineCall], rows: Sequence[int], size: int) -> Sequence[Outcome]:
        priming, parts = self._priming, None
        steady = self._steady_size.choose(plan, sum(rows), size)
        if priming.known(steady):
            size = steady
        known = priming.known(size)
        if known:
            begun = priming.clock()
            parts = self._runs.try_run(batch, rows, size)
            priming.note(size, priming.clock() - begun)
        else:
            priming.prime(batch, size)
        if parts is not None:
            return parts
        outcomes = [self._try_alone(call) for call in batch]
        if known and all(isinstance(outcome, dict) for outcome in outcomes):
            priming.forget(size)  # no call is to blame, so the engine is not prepared for this size any more
        return outcomes

    def _end_run(self) -> None:
        """Ends a run of a caller's thread. If calls wait, a thread of the queue goes on.

        While the system allows no further thread, the caller's thread runs them: nobody else would.
        """
        with self._lock:
            more = bool(self._waiting)
            if not more:
                self._running -= 1
        while more and not self._streams.wake():
            more = self._run_next()

    def _work(self) -> None:
        """Runs batches until no call waits. One place among the runs is this thread's."""
        while self._run_next():
            pass

    def _run_next(self) -> bool:
        """Runs the next batch. Returns False, and gives the place of the run back, if no call waits."""
        batch, size, late = self._take()
        for waiting in late:
            waiting.end(DeadlineExceeded(LATE))
        if batch:
            self._runs.run(batch, size)
        return bool(batch or late)

    def _take(self) -> tuple[list[Waiting], int, list[Waiting]]:
        """Removes the next batch from the calls that wait, and those whose deadline has passed."""
        plan, now = self.plan(), time.monotonic()
        with self._lock:
            late = [one for one in self._waiting.values() if one.call.deadline is not None and one.call.deadline <= now]
            for one in late:
                del self._waiting[one.call]
            if not self._waiting:
                if not late:
                    self._running -= 1
                return [], 0, late
            batch = _alike(self._waiting)
            count, size = plan.take([one.rows.number for one in batch])
            for one in batch[:count]:
                del self._waiting[one.call]
        return batch[:count], size, late


def _alike(waiting: Mapping[EngineCall, Waiting]) -> list[Waiting]:
    """Returns the oldest call and those that can be joined with it."""
    key = next(iter(waiting.values())).rows.key
    return [one for one in waiting.values() if one.rows.key == key]
