"""The scheduler that joins calls which have arrived together, or which wait for the engine."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence

from lightship.batching.base import LATE, Done, EngineCall, Outcome, Ran, RanAtOnce, Results
from lightship.batching.direct import Direct
from lightship.batching.joint_runs import Observe
from lightship.batching.signature_queue import SignatureQueue
from lightship.bundle.bundle import Bundle
from lightship.engines.base import Engine
from lightship.errors import DeadlineExceeded, LightshipError
from lightship.saved_model.signatures import INIT_SIGNATURE


class Joined:
    """Joins calls of signatures whose rows are independent, where a joint run costs less than single ones.

    `observe` is told of each joint run on a thread, and `ran` of every run on one. `ran_at_once` is told of all runs on
    the event loop.
    """

    def __init__(
        self,
        bundle: Bundle,
        engine: Engine,
        observe: Observe,
        ran: Ran | None = None,
        ran_at_once: RanAtOnce | None = None,
    ) -> None:
        self._direct = Direct(engine, ran, ran_at_once)
        signatures = bundle.saved_model.signatures
        self._queues = {
            name: SignatureQueue(engine, signatures[name], observe, ran, ran_at_once)
            for name in signatures
            if name != INIT_SIGNATURE
        }

    refuses = False

    @property
    def room(self) -> int:
        return min((queue.room for queue in self._queues.values()), default=sys.maxsize)

    def prepares(self, call: EngineCall) -> bool:
        queue = self._queues.get(call.signature)
        return queue is not None and not queue.ready(call)

    def run(self, call: EngineCall) -> Results:
        return run_submitted(self, call)

    def submit(self, call: EngineCall, done: Done) -> None:
        queue = self._queues.get(call.signature)
        if queue is None:  # the engine says that there is no such signature
            self._direct.submit(call, done)
        else:
            queue.submit(call, done)

    def withdraw(self, call: EngineCall) -> bool:
        queue = self._queues.get(call.signature)
        return queue is not None and queue.withdraw(call)

    def late_error(self, call: EngineCall) -> LightshipError:
        return DeadlineExceeded(LATE)

    def try_run(self, calls: Sequence[EngineCall]) -> list[Outcome]:
        if len(calls) == 1 and calls[0].calls == 1:
            return self._direct.try_run(calls)
        if len({call.signature for call in calls}) == 1:
            return (self._queues.get(calls[0].signature) or self._direct).try_run(calls)
        outcomes: list[Outcome] = [None] * len(calls)
        groups: dict[str, list[int]] = {}
        for index, call in enumerate(calls):
            groups.setdefault(call.signature, []).append(index)
        for signature, indices in groups.items():
            some = [calls[index] for index in indices]
            results = (self._queues.get(signature) or self._direct).try_run(some)
            for index, result in zip(indices, results, strict=True):
                outcomes[index] = result
        return outcomes

    def joins(self, signature: str, calls: int) -> bool:
        queue = self._queues.get(signature)
        return queue is not None and queue.joins(calls)

    def close(self) -> None:
        for queue in self._queues.values():
            queue.close()


def run_submitted(scheduler: Joined, call: EngineCall) -> Results:
    """Submits a call and waits for its results. Raises its error, or DeadlineExceeded if it waits for too long."""
    over, outcomes = threading.Event(), list[Results | BaseException]()

    def done(outcome: Results | BaseException) -> None:
        outcomes.append(outcome)
        over.set()

    scheduler.submit(call, done)
    left = None if call.deadline is None else max(0.0, call.deadline - time.monotonic())
    if not over.wait(left) and scheduler.withdraw(call):
        raise DeadlineExceeded(LATE)
    over.wait()
    (outcome,) = outcomes
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome
