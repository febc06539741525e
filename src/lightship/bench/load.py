"""The load of one process: a closed loop, or requests at a constant rate.

In a closed loop each connection sends its next request when the last one is answered. At a constant rate requests have
a schedule, and a latency counts from the scheduled start, also if all connections were busy then: a server that stalls
for a second delays all requests of that second, not only those it was working on (Gil Tene's "coordinated omission").
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter_ns, process_time

from lightship.bench.connection import Connection
from lightship.bench.endpoint import ConnectionFactory
from lightship.bench.exchange import TIMEOUT
from lightship.bench.histogram import Histogram
from lightship.bench.poller import make_poller

_TICK = 50_000_000  # nanoseconds between looks for timeouts, and for whether to stop
_SECOND = 1_000_000_000
_MAX_UNCOUNTED = 20_000  # latencies that are kept until they are counted together


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What one process does in one run."""

    connections: int

    warm_up: float
    """Seconds of load before what is measured."""

    seconds: float
    """How long is measured."""

    timeout: float
    """Seconds after which a request is given up."""

    rate: float | None = None
    """Requests a second of this process; None for a closed loop."""

    offset: float = 0.0
    """Seconds by which this process's schedule is behind, so that those of several are evenly mixed."""


@dataclass(slots=True)
class LoadCounts:
    """What one process measured."""

    latencies: Histogram = field(default_factory=Histogram)
    """Of requests that began in the measured time and were answered well, or timed out."""

    answered: int = 0
    """Good answers that came in the measured time."""

    errors: Counter[str] = field(default_factory=Counter)
    """How many requests that began in the measured time failed, by what was wrong."""

    seconds: float = 0.0
    """How long was measured."""

    busy: float = 0.0
    """The share of a processor that this process itself took."""

    lateness: Histogram = field(default_factory=Histogram)
    """How late this process sent requests for which it had a free connection."""


class Load:
    """One run. `connect`, then `run`."""

    def __init__(self, factory: ConnectionFactory, plan: LoadPlan, stopped: Callable[[], bool]) -> None:
        """stopped: whether to end early."""
        self._factory, self._plan, self._stopped = factory, plan, stopped
        self._poller = make_poller()
        self._all = [Connection(factory, self._poller, self._ended) for _ in range(plan.connections)]
        self._idle: deque[Connection] = deque()
        self._timeout = round(plan.timeout * _SECOND)
        self._interval = 0.0 if plan.rate is None else _SECOND / plan.rate
        self._first, self._begin, self._end = 0, 0, 0
        self._sent = 0
        self._starved = False
        self._pending: list[int] = []
        self._late: list[int] = []
        self.counts = LoadCounts()

    def connect(self) -> None:
        """Opens all connections. What cannot be connected is tried again when it has a request to send."""
        for one in self._all:
            one.connect()
        end = perf_counter_ns() + self._timeout
        while any(not one.ready and not one.retry_at for one in self._all) and perf_counter_ns() < end:
            if self._stopped():
                return
            self._poller.wait(_TICK / _SECOND)

    def run(self, start: int, report: Callable[[LoadCounts], None]) -> LoadCounts:
        """Sends requests from `start`, in nanoseconds of `perf_counter_ns`, and returns what it measured.

        start: 0 if it was stopped before.

        report: called about four times a second.
        """
        plan = self._plan
        self._first = start + round(plan.offset * _SECOND)
        self._begin = start + round(plan.warm_up * _SECOND)
        self._end = self._begin + round(plan.seconds * _SECOND)
        self._idle.extend(self._all)
        while (now := perf_counter_ns()) < start and not self._stopped():
            self._poller.wait(min(start - now, _TICK) / _SECOND)
        processor, looked, reported = process_time(), start, start
        while not self._finished(now := perf_counter_ns()):
            if now - looked >= _TICK:
                looked = now
                self._give_up_late(now)
                if self._stopped():
                    break
                if now - reported >= 5 * _TICK:
                    reported = now
                    self._count()
                    report(self.counts)
            self._poller.wait(self._start_due(now) / _SECOND)
        now = perf_counter_ns()
        self.counts.seconds = max(0, min(now, self._end) - self._begin) / _SECOND if start else 0.0
        self.counts.busy = (process_time() - processor) / max(1e-9, (now - start) / _SECOND)
        self._count()
        return self.counts

    def close(self) -> None:
        for one in self._all:
            one.close()
        self._poller.close()

    def _finished(self, now: int) -> bool:
        """Whether the time is over, everything was sent, and everything is answered."""
        if now < self._end or (self._interval and self._next_due < self._end):
            return False
        return len(self._idle) == len(self._all)

    @property
    def _next_due(self) -> int:
        return self._first + round(self._sent * self._interval)

    def _start_due(self, now: int) -> int:
        """Begins what is due, and returns the nanoseconds to wait for what comes next."""
        return self._start_scheduled(now) if self._interval else self._start_idle(now)

    def _start_idle(self, now: int) -> int:
        """In a closed loop a connection is idle at the beginning, and after an error."""
        if now >= self._end:
            return _TICK
        for _ in range(len(self._idle)):
            connection = self._idle.popleft()
            if connection.retry_at <= now:
                self._next(connection, now)
            else:
                self._idle.append(connection)
        return _TICK if not self._idle else _TICK // 10

    def _start_scheduled(self, now: int) -> int:
        waiting = 0
        while (due := self._next_due) <= now and due < self._end:
            if now - due > self._timeout:  # no connection was free for it in all this time
                self._sent += 1
                self._note(due, now, TIMEOUT)
                continue
            if waiting >= len(self._idle):
                break
            connection = self._idle.popleft()
            if connection.retry_at > now:
                self._idle.append(connection)
                waiting += 1
                continue
            if not self._starved and due >= self._begin:
                self._late.append(now - due)
            self._next(connection, due)
        self._starved = waiting >= len(self._idle)
        if due >= self._end or self._starved:
            return _TICK // 10 if self._idle and due < self._end else _TICK
        return max(0, min(due - perf_counter_ns(), _TICK))

    def _next(self, connection: Connection, intended: int) -> None:
        number, self._sent = self._sent % self._factory.count, self._sent + 1
        connection.begin(number, intended)

    def _ended(self, connection: Connection, error: str, now: int) -> None:
        self._note(connection.intended, now, error)
        if error or self._interval or now >= self._end:
            self._idle.append(connection)
        else:
            self._next(connection, perf_counter_ns())

    def _note(self, intended: int, now: int, error: str) -> None:
        """Counts a request that has ended."""
        if not error and self._begin <= now < self._end:
            self.counts.answered += 1
        if not self._begin <= intended < self._end:
            return
        if error:
            self.counts.errors[error] += 1
            if error != TIMEOUT:
                return
        self._pending.append(now - intended)
        if len(self._pending) >= _MAX_UNCOUNTED:
            self._count()

    def _count(self) -> None:
        self.counts.latencies.record(self._pending)
        self.counts.lateness.record(self._late)
        self._pending.clear()
        self._late.clear()

    def _give_up_late(self, now: int) -> None:
        for one in self._all:
            if one.busy and now - one.intended > self._timeout:
                one.give_up(now)
