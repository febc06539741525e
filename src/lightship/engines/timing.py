"""Measures what runs of several rows cost. Runs in a helper process, which has the lowest priority."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

# Run: runs a number of rows once.
Run = Callable[[int], object]

MAX_ROWS = 64
# The limits of measuring one signature: processor time of all threads, and elapsed time.
CPU_SECONDS = 2.0
ELAPSED_SECONDS = 20.0
# The most memory that runs may take beyond what was in use before: nobody expects a server to need much more than its
# models and its memory budget.
MAX_BYTES = 1 << 27

_ROUNDS = 7
# Short runs are repeated for this long, and the shortest one counts.
_REPEAT_SECONDS = 0.004
# A batch is worth measuring further as long as twice the rows save this share of each row's time.
_WORTH_IT = 0.98
# A run that waited for a processor for more than this share of its time, or was stopped, says little about the model.
_DISTURBED = 0.05


class CannotMeasure(Exception):
    """A run failed, so that its time says nothing."""


class _Stops:
    """How often this process was stopped by a signal and continued, as far as it notices."""

    count = 0

    def add(self, *_: object) -> None:
        self.count += 1


_stops = _Stops()


def notice_stops() -> None:
    """From now on, a run does not count if this process was stopped by a signal during it.

    Must be called on the main thread, and the runs be measured there.
    """
    if sys.platform != "win32":  # which has no such signals
        signal.signal(signal.SIGCONT, _stops.add)
        signal.siginterrupt(signal.SIGCONT, False)  # an engine may not expect its system calls to be interrupted


class Stopwatch:
    """The time that is left for measuring, and the shortest time of each number of rows.

    `threads` is the number of threads of one run.
    """

    def __init__(
        self, threads: int, cpu_seconds: float = CPU_SECONDS, elapsed_seconds: float = ELAPSED_SECONDS
    ) -> None:
        self._threads = threads
        self._cpu_end = time.process_time() + cpu_seconds
        self._end = time.monotonic() + elapsed_seconds
        self._quiet: dict[int, float] = {}
        self._cpu: dict[int, float] = {}

    @property
    def costs(self) -> dict[int, float]:
        """The shortest seconds of one run by its number of rows.

        Where each run of some number of rows had to wait for a processor or was stopped, all are estimated from
        processor time.
        """
        if self.disturbed:
            return {rows: seconds / self._threads for rows, seconds in sorted(self._cpu.items())}
        return dict(sorted(self._quiet.items()))

    @property
    def disturbed(self) -> bool:
        """Whether, for some number of rows, each run had to wait for a processor or was stopped."""
        return self._quiet.keys() != self._cpu.keys()

    @property
    def shortest(self) -> float:
        """The seconds of one row, elapsed or of processor time, whichever is less."""
        return min(self.costs.get(1, 0.0), self._cpu.get(1, 0.0))

    def left(self) -> float:
        """Returns the seconds that are left."""
        return min(self._cpu_end - time.process_time(), self._end - time.monotonic())

    def measure(self, rows: int, run: Run) -> None:
        """Makes runs for a few milliseconds, and notes the shortest: at least one, or some if they are short."""
        end, cpu_end = time.perf_counter() + _REPEAT_SECONDS, time.process_time() + _REPEAT_SECONDS / 2
        while True:
            stops, waited, cpu, start = _stops.count, _waited(), time.process_time(), time.perf_counter()
            run(rows)
            now = time.perf_counter()
            seconds, cpu = now - start, time.process_time() - cpu
            if _waited() - waited <= _DISTURBED * seconds and _stops.count == stops:
                self._quiet[rows] = min(seconds, self._quiet.get(rows, seconds))
            self._cpu[rows] = min(cpu, self._cpu.get(rows, cpu))
            if now > end and time.process_time() > cpu_end:
                return


def costs_of_rows(run: Run, stopwatch: Stopwatch, most: int = MAX_ROWS) -> Mapping[int, float]:
    """Returns the seconds of one run of 1, 2, 4, 8, ... rows.

    `run` raises CannotMeasure for more rows than the model accepts. Ends there, at `most` rows, where two steps in
    a row made a row no cheaper, and where the time or the memory would not suffice for twice the rows. Then all are
    measured again in turn while there is time, so that a slow second of the machine does not fall on one of them alone.
    """
    sizes = _ascend(run, stopwatch, most)
    with suppress(CannotMeasure):
        for _ in range(_ROUNDS):
            for rows in sizes:
                if 2 * stopwatch.costs[rows] > stopwatch.left():
                    break
                stopwatch.measure(rows, run)
    return stopwatch.costs


def _ascend(run: Run, stopwatch: Stopwatch, most: int) -> list[int]:
    sizes: list[int] = []
    cheapest, useless, start = float("inf"), 0, resident()
    rows, took = 1, 0.0
    # Twice the rows take twice the time, twice.
    while rows <= most and useless < 2 and 4 * took < stopwatch.left() and 2 * (resident() - start) < MAX_BYTES:
        before = stopwatch.left()
        try:
            run(rows)  # allocates memory, and chooses algorithms for these shapes
            took = before - stopwatch.left()
            stopwatch.measure(rows, run)
        except CannotMeasure:
            break
        sizes.append(rows)
        seconds = stopwatch.costs[rows] / rows
        useless = 0 if seconds < _WORTH_IT * cheapest else useless + 1
        cheapest = min(cheapest, seconds)
        rows *= 2
    return sizes


class SideBySide:
    """Makes as many runs at once as there are streams."""

    def __init__(self, run: Run, streams: int) -> None:
        self._run, self._streams = run, streams
        self._threads = ThreadPoolExecutor(streams)

    def __enter__(self) -> SideBySide:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown()

    def __call__(self, rows: int) -> None:
        """Makes one run in each stream, and returns when all have ended."""
        for done in [self._threads.submit(self._run, rows) for _ in range(self._streams)]:
            done.result()


def resident() -> int:
    """Returns the bytes of memory that this process holds; 0 where the system does not say."""
    with suppress(OSError, ValueError):
        if sys.platform == "win32":
            return 0
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _waited() -> float:
    """Returns the seconds that this process's threads have waited for a processor; 0 where the system does not say."""
    return sum(_waits()) / 1e9


def _waits() -> Iterable[int]:
    with suppress(OSError):
        for task in os.scandir("/proc/self/task"):
            with suppress(OSError, ValueError, IndexError):
                yield int(Path(task.path, "schedstat").read_text().split()[1])
