"""The processes of load, so that one processor of this host does not limit what is measured."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import perf_counter_ns
from typing import Any

from lightship.bench.endpoint import Endpoint
from lightship.bench.histogram import Histogram
from lightship.bench.load import LoadCounts, LoadPlan
from lightship.bench.messages import write_message
from lightship.bench.usage import ServerUsage, UsageMeter
from lightship.bench.worker import plan_fields
from lightship.errors import Internal, Unavailable

_MAIN = "import sys; sys.path[:] = {path!r}; from lightship.bench.worker import main; main()"
_HEAD_START = 30_000_000  # nanoseconds between the order to start and the start
_SECOND = 1_000_000_000
_GRACE = 30.0  # seconds beyond those of the plan, in which a process of load must answer
_PATIENCE = 2.0  # seconds of errors without an answer after which a server is dead, or the timeout if that is longer
_QUIET_SECONDS = 0.25  # between looks at the server's memory


@dataclass(frozen=True, slots=True)
class RunPlan:
    """One run: a closed loop of `connections`, or `rate` requests a second over at most so many."""

    connections: int
    seconds: float
    warm_up: float = 0.0
    timeout: float = 10.0
    rate: float | None = None


@dataclass(slots=True)
class RunCounts:
    """What all processes of load measured together."""

    plan: RunPlan

    seconds: float = 0.0
    """How long was measured: less than planned if it was stopped."""

    answered: int = 0
    """Good answers within this time."""

    latencies: Histogram = field(default_factory=Histogram)
    errors: Counter[str] = field(default_factory=Counter)

    busy: float = 0.0
    """The largest share of a processor that a process of load took: near 1, it was the limit."""

    lateness: Histogram = field(default_factory=Histogram)
    usage: ServerUsage | None = None
    """Of a server on this host."""

    stopped: bool = False
    dead: bool = False
    """For as long as a request may take there were errors and no answer, and the run was ended."""

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.answered / self.seconds if self.seconds else 0.0

    @property
    def failed(self) -> int:
        return self.errors.total()

    def add(self, counts: LoadCounts) -> None:
        self.seconds = max(self.seconds, counts.seconds)
        self.answered += counts.answered
        self.latencies.add(counts.latencies)
        self.lateness.add(counts.lateness)
        self.errors.update(counts.errors)
        self.busy = max(self.busy, counts.busy)


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known during a run."""

    seconds: float
    """Since the measured time began; below 0 in the warm-up."""

    answered: int
    errors: int


class Fleet:
    """Starts processes of load and leads them. Use it as a context; at its end they are gone."""

    def __init__(self, processes: int) -> None:
        self._reports: queue.SimpleQueue[tuple[int, dict[str, Any]]] = queue.SimpleQueue()
        self._stop = False
        path = [one for one in sys.path if one] or [os.getcwd()]
        command = [sys.executable, "-P", "-c", _MAIN.format(path=path)]
        self._workers: list[subprocess.Popen[bytes]] = []
        self._readers: list[threading.Thread] = []
        try:
            for number in range(processes):
                # In a session of their own: Ctrl-C in the terminal is for the command.
                worker = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
                )
                self._workers.append(worker)
                reader = threading.Thread(target=self._read, args=(number, worker), daemon=True)
                reader.start()
                self._readers.append(reader)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def processes(self) -> int:
        return len(self._workers)

    def close(self) -> None:
        for worker in self._workers:
            with suppress(OSError):
                if worker.stdin is not None:
                    worker.stdin.close()
        for worker in self._workers:
            try:
                worker.wait(5)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        for reader in self._readers:
            reader.join()

    def know(self, name: str, endpoint: Endpoint) -> None:
        """Gives an endpoint to all processes. A later one of the same name replaces it."""
        fields, blobs = endpoint.to_fields()
        for worker in self._workers:
            self._order(worker, {"order": "endpoint", "name": name, "endpoint": fields}, blobs)
        self._await("known", range(len(self._workers)), _GRACE)

    def stop(self) -> None:
        """Ends the run that is made now, from another thread or a signal handler."""
        self._stop = True

    def run(
        self, name: str, plan: RunPlan, meter: UsageMeter | None = None, tell: Callable[[Progress], None] | None = None
    ) -> RunCounts:
        """Makes one run and returns what was measured. Raises Internal if a process of load dies.

        meter: measures the server's processes. tell: called several times a second.
        """
        plans = _shares(plan, len(self._workers))
        for worker, one in zip(self._workers, plans, strict=False):
            self._order(worker, {"order": "load", "name": name, "plan": plan_fields(one)})
        numbers = range(len(plans))
        counts = RunCounts(plan)
        counts.stopped = self._wait_ready(numbers, plan)
        at = perf_counter_ns() + _HEAD_START
        for number in numbers:
            self._order(self._workers[number], {"order": "stop"} if counts.stopped else {"order": "start", "at": at})
        self._gather(counts, numbers, at, meter, tell)
        self._stop = False
        return counts

    def _wait_ready(self, numbers: Sequence[int], plan: RunPlan) -> bool:
        """Waits until all have connected. Returns whether the run was stopped before."""
        self._await("ready", numbers, plan.timeout + _GRACE)
        return self._stop

    def _gather(
        self,
        counts: RunCounts,
        numbers: Sequence[int],
        at: int,
        meter: UsageMeter | None,
        tell: Callable[[Progress], None] | None,
    ) -> None:
        plan = counts.plan
        begin, end = (at + round(seconds * _SECOND) for seconds in (plan.warm_up, plan.warm_up + plan.seconds))
        reports: dict[int, dict[str, Any]] = {}
        waiting, told_stop = set(numbers), counts.stopped
        watch = _DeathWatch(max(plan.timeout, _PATIENCE), at)
        measure = _Measure(meter, begin, end)
        while waiting:
            now = perf_counter_ns()
            if now > end + (2 * plan.timeout + _GRACE) * _SECOND:
                raise Internal("a process that sends requests does not answer (this is a bug in Lightship)")
            measure.look(now)
            found = self._next_report(measure.wait(now))
            if found is not None:
                number, report = found
                if report["kind"] == "result":
                    waiting.discard(number)
                    counts.add(_counts(report))
                else:
                    reports[number] = report
            answered, errors = (sum(one[word] for one in reports.values()) for word in ("answered", "errors"))
            if tell is not None:
                tell(Progress((now - begin) / _SECOND, answered, errors))
            if not told_stop and (self._stop or watch.is_dead(now, answered, errors)):
                counts.stopped, counts.dead, told_stop = True, not self._stop, True
                for number in waiting:
                    self._order(self._workers[number], {"order": "stop"})
        counts.usage = measure.usage(perf_counter_ns())

    def _next_report(self, seconds: float) -> tuple[int, dict[str, Any]] | None:
        try:
            number, report = self._reports.get(timeout=max(0.001, seconds))
        except queue.Empty:
            return None
        if report["kind"] == "ended":
            raise Internal(
                "a process that sends requests ended by itself: look at what it printed above; if memory is short, "
                "use fewer processes or connections"
            )
        return number, report

    def _await(self, kind: str, numbers: Sequence[int], seconds: float) -> None:
        """Waits for a report of a kind from each process."""
        waiting, end = set(numbers), perf_counter_ns() + seconds * _SECOND
        while waiting:
            if perf_counter_ns() > end:
                raise Unavailable(
                    f"a process that sends requests did not start in {seconds:g} s: this host is too busy"
                )
            found = self._next_report(0.05)
            if found is not None and found[1]["kind"] == kind:
                waiting.discard(found[0])

    def _order(self, worker: subprocess.Popen[bytes], fields: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
        assert worker.stdin is not None
        with suppress(BrokenPipeError):  # its end is reported
            write_message(worker.stdin, fields, blobs)  # type: ignore[arg-type]

    def _read(self, number: int, worker: subprocess.Popen[bytes]) -> None:
        assert worker.stdout is not None
        with worker.stdout as lines:
            for line in lines:
                with suppress(ValueError):
                    self._reports.put((number, json.loads(line)))
        self._reports.put((number, {"kind": "ended"}))


class _DeathWatch:
    """Notices that a server has gone: for a while there were errors and no good answer."""

    def __init__(self, patience: float, start: int) -> None:
        self._patience, self._last_good, self._answered, self._errors = patience * _SECOND, start, 0, 0

    def is_dead(self, now: int, answered: int, errors: int) -> bool:
        if answered != self._answered or errors == self._errors:
            self._last_good, self._answered, self._errors = now, answered, errors
        return now - self._last_good > self._patience


class _Measure:
    """Reads a server's processor time at the beginning and the end of the measured time, and its memory between."""

    def __init__(self, meter: UsageMeter | None, begin: int, end: int) -> None:
        self._meter, self._begin, self._end = meter, begin, end
        self._looked = 0

    def look(self, now: int) -> None:
        if self._meter is None or now < self._begin or now > self._end + _QUIET_SECONDS * _SECOND:
            return
        if not self._looked:
            self._meter.begin(now)
        elif now - self._looked >= _QUIET_SECONDS * _SECOND or now >= self._end:
            self._meter.look(now)
        else:
            return
        self._looked = now

    def wait(self, now: int) -> float:
        """Returns the seconds until it should look again."""
        ahead = [one - now for one in (self._begin, self._end) if one > now]
        return min([_QUIET_SECONDS, *(one / _SECOND for one in ahead)]) if self._meter is not None else _QUIET_SECONDS

    def usage(self, now: int) -> ServerUsage | None:
        if self._meter is None or not self._looked:
            return None
        if now < self._end:  # it was stopped
            self._meter.look(now)
        return self._meter.usage()


def _shares(plan: RunPlan, processes: int) -> list[LoadPlan]:
    """Returns what each process does. There are no more of them than connections."""
    count = min(processes, plan.connections)
    whole = LoadPlan(0, plan.warm_up, plan.seconds, plan.timeout)
    shares = [plan.connections // count + (number < plan.connections % count) for number in range(count)]
    if plan.rate is None:
        return [replace(whole, connections=share) for share in shares]
    return [
        replace(whole, connections=share, rate=plan.rate / count, offset=number / plan.rate)
        for number, share in enumerate(shares)
    ]


def _counts(report: dict[str, Any]) -> LoadCounts:
    latencies, lateness = (Histogram.from_fields(report[name]) for name in ("latencies", "lateness"))
    errors = Counter({str(name): int(count) for name, count in report["errors"].items()})
    return LoadCounts(latencies, report["answered"], errors, report["seconds"], report["busy"], lateness)
