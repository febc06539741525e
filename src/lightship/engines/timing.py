"""Measures what runs of several rows cost. Runs in a helper process, which has the lowest priority."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

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

    `threads` is the number of threads of one run. Only what is measured by this stopwatch counts for its limits.
    """

    def __init__(
        self, threads: int, cpu_seconds: float = CPU_SECONDS, elapsed_seconds: float = ELAPSED_SECONDS
    ) -> None:
        self._threads = threads
        self._limits = cpu_seconds, elapsed_seconds
        self._cpu_used = self._elapsed_used = 0.0
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
        cpu_seconds, elapsed_seconds = self._limits
        return min(cpu_seconds - self._cpu_used, elapsed_seconds - self._elapsed_used)

    def renew(self) -> None:
        """Allows as much time again as at the beginning."""
        self._cpu_used = self._elapsed_used = 0.0

    def first(self, rows: int, run: Run) -> float:
        """Makes a run whose time is not noted. Returns the seconds that it took of those that were left."""
        before = self.left()
        with self._used():
            run(rows)
        return before - self.left()

    def measure(self, rows: int, run: Run) -> float | None:
        """Makes runs for a few milliseconds, and notes the shortest: at least one, or some if they are short.

        Returns its seconds, or None if each of them had to wait for a processor or was stopped.
        """
        with self._used():
            quiet = self._quiet_run(rows, run)
        if quiet is not None:
            self._quiet[rows] = min(quiet, self._quiet.get(rows, quiet))
        return quiet

    @contextmanager
    def _used(self) -> Iterator[None]:
        cpu, elapsed = time.process_time(), time.monotonic()
        try:
            yield
        finally:
            self._cpu_used += time.process_time() - cpu
            self._elapsed_used += time.monotonic() - elapsed

    def _quiet_run(self, rows: int, run: Run) -> float | None:
        end, cpu_end = time.perf_counter() + _REPEAT_SECONDS, time.process_time() + _REPEAT_SECONDS / 2
        quiet: float | None = None
        while True:
            stops, waited, cpu, start = _stops.count, _waited(), time.process_time(), time.perf_counter()
            run(rows)
            now = time.perf_counter()
            seconds, cpu = now - start, time.process_time() - cpu
            if _waited() - waited <= _DISTURBED * seconds and _stops.count == stops:
                quiet = seconds if quiet is None else min(seconds, quiet)
            self._cpu[rows] = min(cpu, self._cpu.get(rows, cpu))
            if now > end and time.process_time() > cpu_end:
                return quiet


class Measurement:
    """Measures what runs of 1, 2, 4, 8, ... rows cost that are made in one way.

    `run` raises CannotMeasure for more rows than the model accepts. Batches end there, at `most` rows, where two steps
    in a row made a row no cheaper, and where the time or the memory would not suffice for twice the rows.
    """

    def __init__(self, run: Run, stopwatch: Stopwatch, most: int = MAX_ROWS) -> None:
        self._run, self.stopwatch, self._most = run, stopwatch, most
        self._sizes: list[int] = []

    @property
    def costs(self) -> Mapping[int, float]:
        """The seconds of one run by its number of rows."""
        return self.stopwatch.costs

    @property
    def sizes(self) -> Sequence[int]:
        """The numbers of rows that were found worth measuring."""
        return self._sizes

    def ascend(self) -> None:
        """Finds the numbers of rows that are worth measuring, and measures each once."""
        useless, cheapest, start = 0, float("inf"), resident()
        rows, took, stopwatch = 1, 0.0, self.stopwatch
        # Twice the rows take twice the time, twice.
        while (
            rows <= self._most and useless < 2 and 4 * took < stopwatch.left() and 2 * (resident() - start) < MAX_BYTES
        ):
            try:
                took = stopwatch.first(rows, self._run)  # allocates memory, and chooses algorithms for these shapes
                stopwatch.measure(rows, self._run)
            except CannotMeasure:
                break
            self._sizes.append(rows)
            seconds = stopwatch.costs[rows] / rows
            useless = 0 if seconds < _WORTH_IT * cheapest else useless + 1
            cheapest = min(cheapest, seconds)
            rows *= 2

    def again(self, rows: int) -> float | None:
        """Measures a number of rows once more, if it is worth measuring and there is time.

        Returns the seconds of a run, or None if this tells nothing.
        """
        if rows not in self._sizes or 2 * self.costs[rows] > self.stopwatch.left():
            return None
        with suppress(CannotMeasure):
            return self.stopwatch.measure(rows, self._run)
        return None

    def repeat(self) -> None:
        """Measures all again, while there is time, so that a slow second of the machine falls on none alone."""
        for _ in range(_ROUNDS):
            for rows in self._sizes:
                self.again(rows)


def costs_of_rows(run: Run, stopwatch: Stopwatch, most: int = MAX_ROWS) -> Mapping[int, float]:
    """Returns the seconds of one run of 1, 2, 4, 8, ... rows; see `Measurement`."""
    measurement = Measurement(run, stopwatch, most)
    measurement.ascend()
    measurement.repeat()
    return measurement.costs


def time_ratio(
    one: Callable[[], object], other: Callable[[], object], *, least: int, most: int, seconds: float
) -> float:
    """Returns how long `one` takes, as a multiple of what `other` takes.

    The machine may be faster at one time than at another. So both are called in turn, and what counts is the median
    ratio of two calls of which one followed the other. There are `least` such pairs, and more up to `most` while
    `seconds` have not passed. The first call of each does not count, because it allocates memory.
    """
    one(), other()
    ratios: list[float] = []
    end = time.perf_counter() + seconds
    while len(ratios) < least or (len(ratios) < most and time.perf_counter() < end):
        first, second = seconds_of(one), seconds_of(other)
        ratios.append(first / second)
    return median(ratios)


def seconds_of(call: Callable[[], object]) -> float:
    """Returns how long a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


class Comparison:
    """Measures both again in turn, so that what they cost may be compared, by the same rule as `time_ratio`."""

    def __init__(self, usual: Measurement, other: Measurement) -> None:
        self._usual, self._other = usual, other
        ratios: dict[int, list[float]] = {}
        for _ in range(_ROUNDS):
            for rows in sorted({*usual.sizes, *other.sizes}):
                first, second = usual.again(rows), other.again(rows)
                if first and second:
                    ratios.setdefault(rows, []).append(second / first)
        self._ratios = {rows: median(found) for rows, found in ratios.items()}

    @property
    def costs(self) -> Mapping[int, float]:
        """The costs of the other, as those of the usual are."""
        usual, ratios = self._usual.costs, self._ratios
        return {
            rows: usual[rows] * ratios[rows] if rows in ratios else seconds
            for rows, seconds in self._other.costs.items()
        }


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
