"""Which settings are tried, one property after the other: precision, streams and threads, batches, shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from lightship.batching.plan import Plan
from lightship.engines.base import Figures
from lightship.engines.openvino.description import ONE_ROW
from lightship.engines.openvino.figures import precisions
from lightship.engines.tuned import TunedSetting
from lightship.errors import LightshipError
from lightship.processors import available_cpus
from lightship.tuning.candidate import DEFAULT, Workbench

# Called with a setting in words, and why it is not tried.
Skip = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Axis:
    """One property of settings. `settings` yields those to try, beside the best one until now."""

    name: str
    # The share of the time for trying settings that it may take, besides what those before it have left.
    share: float
    settings: Callable[[TunedSetting], Iterator[TunedSetting]]


class Axes:
    """The axes for one signature. `streams` is how many streams the default runs it by.

    any_precision: whether others than f32 are tried.
    """

    def __init__(self, bench: Workbench, engine: str, streams: int, *, any_precision: bool, skip: Skip) -> None:
        self._bench, self._engine, self._streams = bench, engine, streams
        self._any_precision, self._skip = any_precision, skip

    def all(self) -> list[Axis]:
        """Returns the axes in the order in which they are tried. Engines other than OpenVINO have threads only."""
        if self._engine != "openvino":
            return [Axis("threads", 1.0, self._threads)]
        return [
            Axis("precision", 0.15, self._precisions),
            Axis("streams and threads", 0.45, self._streams_and_threads),
            Axis("batches", 0.25, self._batches),
            Axis("shapes", 0.15, self._shapes),
        ]

    def _threads(self, best: TunedSetting) -> Iterator[TunedSetting]:
        yield from (replace(best, threads=threads) for threads in fewer_threads(available_cpus()))

    def _precisions(self, best: TunedSetting) -> Iterator[TunedSetting]:
        if not self._any_precision:
            self._skip("other precisions", "only f32 was asked for")
            return
        others = [one for one in precisions() if one != DEFAULT.precision]
        if not others:
            self._skip("other precisions", "this processor has none that is faster")
        for precision in others:
            yield from self._measured(replace(best, precision=precision, rows=0), self._streams_of(best))

    def _streams_and_threads(self, best: TunedSetting) -> Iterator[TunedSetting]:
        processors = available_cpus()
        seen = {(best.threads, self._streams_of(best))}
        for threads in (0, *fewer_threads(processors)):
            for streams in numbers_of_streams(threads) if threads else numbers_of_streams(processors, finely=True):
                if (threads, streams) not in seen:
                    seen.add((threads, streams))
                    yield from self._measured(replace(best, threads=threads, rows=0), streams)

    def _batches(self, best: TunedSetting) -> Iterator[TunedSetting]:
        """Yields limits of the batches that differ: larger ones than are worth it are never run."""
        for measured in self._measured(replace(best, rows=0), self._streams_of(best)):
            assert measured.figures is not None
            sizes = [rows for rows, _ in costs_of(measured.figures)]
            largest = Plan(dict(costs_of(measured.figures))).largest
            for rows in sizes:
                if rows < largest:
                    limit = self._bench.limited(measured, rows)
                    assert limit.figures is not None
                    if Plan(dict(costs_of(limit.figures))).largest == rows:
                        yield limit
            if best.figures is None and largest > 1:  # the same batches as the default's, but measured anew
                yield self._bench.limited(measured, largest)
            if not self._bench.description(best).joinable:
                self._skip("batches", "rows of the model are not known to be independent")
            elif largest == 1:
                self._skip("batches", "no batch costs less than its rows one by one")

    def _shapes(self, best: TunedSetting) -> Iterator[TunedSetting]:
        try:
            has_one = ONE_ROW in self._bench.description(best).guards
        except LightshipError as error:
            self._skip("shapes", str(error))
            return
        other = replace(best, one_row="never" if has_one else "always")
        for setting in self._measured(replace(other, rows=0), self._streams_of(best)):
            yield self._bench.limited(setting, best.rows) if best.rows else setting

    def _measured(self, setting: TunedSetting, streams: int) -> Iterator[TunedSetting]:
        """Yields the setting with what its runs cost, unless that cannot be measured or it has fewer streams."""
        shown = str(replace(setting, streams=streams))
        try:
            figures = self._bench.measured(setting, streams)
        except LightshipError as error:
            self._skip(shown, str(error))
            return
        if figures.streams != streams:
            self._skip(shown, f"the engine computes {figures.streams} at once at most")
            return
        yield replace(setting, streams=streams, figures=figures)

    def _streams_of(self, best: TunedSetting) -> int:
        return best.streams or self._streams


def costs_of(figures: Figures) -> tuple[tuple[int, float], ...]:
    """Returns the costs by which calls are joined."""
    return figures.costs if figures.streams == 1 else figures.costs_of_streams


def fewer_threads(processors: int) -> list[int]:
    """Returns numbers of threads to try beside one for each processor: half of them, and all but one."""
    return sorted({processors // 2, processors - 1} - {0, processors}, reverse=True)


def numbers_of_streams(threads: int, *, finely: bool = False) -> list[int]:
    """Returns numbers of streams to try: one for each thread, 1 and, if `finely`, half and a quarter of the threads."""
    between = {threads // 2, threads // 4} if finely else set[int]()
    return sorted({1, threads, *between} - {0}, reverse=True)
