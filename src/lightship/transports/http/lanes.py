"""Which call gets a thread next, and which call is refused because it would wait too long.

Calls of one kind, such as photos, share a lane. In a lane, models take turns, and the clients of a model take turns.
"""

from __future__ import annotations

import math
import sys
from collections import deque
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from lightship.transports.http.overload import OverloadDetector

Item = TypeVar("Item")

_WEIGHT = 0.2  # of the newest run in the mean of run times
_OUTLIER = 4.0  # a run that takes this many times as long as the mean counts no more than that
_OVERDUE = 0.25  # seconds from which a run may be overdue, if it also takes `_OUTLIER` times as long as the mean
_MIN_WAIT = 0.001  # seconds that a call may wait even under overload
_SHARE = 0.25  # of a run's time that a call may wait under overload
_MAX_LOOKED_AT = 64  # clients that are looked at to estimate a wait
_MAX_PREPARING = 1000  # calls of a model that wait, without a thread, until something is prepared


class Origin(NamedTuple):
    """Where a call belongs. Calls of different kinds never wait for each other."""

    # The kind of work: the name of a lane.
    kind: str = ""
    # The model that the call asks, or "" for none.
    model: str = ""
    # The client's address.
    client: str = ""


@dataclass(frozen=True, slots=True)
class WaitLimits:
    """How long a call may wait for a thread, in seconds. A call that would wait longer is refused."""

    # The seconds after which a call is given up. 0 means never.
    deadline: float = 30.0
    # The longest wait. 0 means: up to the deadline, but under overload a quarter of a run's time.
    queue: float = 0.0


class ModelQueue(Generic[Item]):
    """The calls of one model in one lane.

    `waiting` is the number of calls that wait for a thread. `running` has what runs on threads, and when each began.
    `pending` is the number of calls that have begun and wait without a thread, and `room` how many should at most.
    `preparing` is the number of those that wait until something is prepared. They are not among `pending`.
    `mean` is the usual time of a thread that a call takes in seconds, or 0.0 before the first one has finished, and
    `joined` the usual number of calls that share a run.
    """

    __slots__ = ("_clients", "joined", "load", "mean", "model", "pending", "preparing", "room", "running", "waiting")

    def __init__(self, model: str, threads: int) -> None:
        self.model = model
        self._clients: dict[str, deque[Item]] = {}  # only clients that wait, the one whose turn it is first
        self.load = OverloadDetector(threads)
        self.mean = 0.0
        self.joined = 1.0
        self.running: dict[object, float] = {}
        self.waiting = self.pending = self.preparing = 0
        self.room = sys.maxsize

    def add(self, client: str, item: Item) -> None:
        self._clients.setdefault(client, deque()).append(item)
        self.waiting += 1

    def take(self) -> Item:
        """Removes and returns the next call; clients take turns. There must be one."""
        client, items = next(iter(self._clients.items()))
        item = items.popleft()
        del self._clients[client]
        if items:
            self._clients[client] = items  # at the end
        self.waiting -= 1
        return item

    def remove(self, client: str, item: Item) -> bool:
        """Removes a call that waits. Returns False if it does not."""
        items = self._clients.get(client, ())
        if item not in items:
            return False
        assert isinstance(items, deque)
        items.remove(item)
        if not items:
            del self._clients[client]
        self.waiting -= 1
        return True

    def take_newest(self) -> Item:
        """Removes and returns the newest call of the client that has the most calls waiting. There must be one."""
        client = max(self._clients, key=lambda one: len(self._clients[one]))
        item = self._clients[client][-1]
        self.remove(client, item)
        return item

    def own(self, client: str) -> int:
        """Returns how many calls of a client wait."""
        return len(self._clients.get(client, ()))

    def most(self) -> int:
        """Returns how many calls wait of the client of which most do."""
        return max(map(len, self._clients.values()), default=0)

    def leave(self, item: Item, run: object, now: float) -> float:
        """Lets `run` take the place of a call that will wait without a thread. Returns the call's seconds so far."""
        begun = self.running.pop(item)
        self.running[run] = now
        return now - begun

    @property
    def full(self) -> bool:
        """Whether as many calls wait without a thread as should at most."""
        return self.pending >= self.room or self.preparing >= _MAX_PREPARING

    def wait(self, *, preparing: bool) -> None:
        """Counts a call that waits without a thread from now on."""
        if preparing:
            self.preparing += 1
        else:
            self.pending += 1

    def end_wait(self, *, preparing: bool) -> None:
        if preparing:
            self.preparing -= 1
        else:
            self.pending -= 1

    def shared(self, calls: int) -> None:
        """Counts a run that answered so many calls."""
        self.joined += _WEIGHT * (calls - self.joined)

    def finish(self, run: object, now: float, before: float | None, *, counted: bool = False) -> None:
        """Ends a run. If it was the last part of a call, `before` is the seconds that the others have taken.

        `counted`: the call was counted as finished before.
        """
        begun = self.running.pop(run)
        if before is None:
            return
        seconds = now - begun + before
        if self.mean:
            seconds = min(max(seconds, self.mean / _OUTLIER), self.mean * _OUTLIER)
            self.mean += _WEIGHT * (seconds - self.mean)
        else:
            self.mean = seconds
        if not counted:
            self.load.finished()

    def expected_wait(self, client: str, now: float) -> float:
        """Returns the seconds that a further call of a client would wait, by the calls whose turn comes before it."""
        own = self.own(client)
        ahead = self.waiting
        if 1 < len(self._clients) + (own == 0) <= _MAX_LOOKED_AT:
            ahead = own + sum(min(len(items), own + 1) for one, items in self._clients.items() if one != client)
        threads = max(1, len(self.running))
        return (ahead + self.pending + 1) * max(self.mean, self._age(now) / self.joined) / threads

    def _age(self, now: float) -> float:
        """Returns for how long the running calls have run on average. That shows runs that became slow."""
        return sum(now - begun for begun in self.running.values()) / len(self.running) if self.running else 0.0


@dataclass(slots=True)
class Lane(Generic[Item]):
    """The calls of one kind. Must be used by one thread at a time."""

    # Calls that run at once. Calls that wait for runs that take unusually long may have further threads, as many again,
    # and models of which no call runs as many besides.
    threads: int
    limits: WaitLimits
    queues: dict[str, ModelQueue[Item]] = field(default_factory=dict)
    running: int = 0
    waiting: int = 0
    # Further threads because of overdue runs.
    extra: int = 0

    def queue(self, model: str) -> ModelQueue[Item]:
        found = self.queues.get(model)
        if found is None:
            found = self.queues[model] = ModelQueue(model, self.threads)
        return found

    def may_start(self, queue: ModelQueue[Item]) -> bool:
        if queue.full:
            return False
        most = self.threads + self.extra
        return self.running < most or (not queue.running and self.running < most + self.threads)

    def refusal(self, queue: ModelQueue[Item], client: str, now: float, most: float = math.inf) -> int:
        """Returns 0 if a call may wait, or else the seconds after which to try again.

        `most` is the longest wait in seconds that is of use to the call, because of its own deadline.
        """
        if self.may_start(queue):
            return 0
        wait, limit = queue.expected_wait(client, now), self._limit(queue)
        if wait <= most and (wait <= limit or (queue.load.overloaded and not queue.waiting)):
            return 0
        return max(1, math.ceil(wait - min(limit, most)))

    def shed(self, queue: ModelQueue[Item]) -> list[Item]:
        """Removes and returns the waiting calls that may not wait any more since the overload was noticed."""
        kept = max(1, int(_SHARE * len(queue.running)))
        shed = [queue.take_newest() for _ in range(queue.waiting - kept)] if not self.limits.queue else []
        self.waiting -= len(shed)
        return shed

    def most_waiting(self) -> ModelQueue[Item]:
        """Returns the model with the client of which most calls wait."""
        return max(self.queues.values(), key=ModelQueue.most)

    def displace(self) -> Item:
        """Removes and returns the newest call of the client of which most calls wait. There must be one."""
        self.waiting -= 1
        return self.most_waiting().take_newest()

    def start(self, queue: ModelQueue[Item], item: Item, now: float) -> None:
        queue.running[item] = now
        self.running += 1

    def finish(
        self, queue: ModelQueue[Item], run: object, now: float, before: float | None, *, counted: bool = False
    ) -> None:
        queue.finish(run, now, before, counted=counted)
        self.running -= 1

    def next(self, now: float) -> Item | None:
        """Starts and returns the next call that may run, or returns None.

        It is one of the model of which the fewest calls run; among equals, models take turns.
        """
        queue = self._queue_of_next()
        if queue is None:
            return None
        self.queues[queue.model] = self.queues.pop(queue.model)  # to the end
        item = queue.take()
        self.waiting -= 1
        self.start(queue, item, now)
        return item

    def may_start_next(self) -> bool:
        """Returns whether `next` would start a call."""
        return self._queue_of_next() is not None

    def _queue_of_next(self) -> ModelQueue[Item] | None:
        if not self.waiting:
            return None
        queues = [one for one in self.queues.values() if one.waiting and not one.full]
        queue = min(queues, key=lambda one: len(one.running), default=None)
        return queue if queue is not None and self.may_start(queue) else None

    def notice_overdue(self, now: float) -> None:
        """Grants further threads, one for each run that takes unusually long, as long as calls wait."""
        overdue = sum(
            now - begun > max(_OVERDUE, _OUTLIER * queue.mean)
            for queue in self.queues.values()
            for begun in queue.running.values()
        )
        self.extra = min(self.threads, overdue) if self.waiting else 0

    def _limit(self, queue: ModelQueue[Item]) -> float:
        if self.limits.queue > 0:
            return self.limits.queue
        if queue.load.overloaded:
            return max(_MIN_WAIT, _SHARE * queue.mean * queue.joined)
        return self.limits.deadline if self.limits.deadline > 0 else math.inf
