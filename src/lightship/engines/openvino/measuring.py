"""The work of a helper process that measures what runs of a signature cost on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import SHORT_SECONDS, CannotRun, EngineOptions
from lightship.engines.openvino.building import build_models
from lightship.engines.openvino.compiled import Compiled
from lightship.engines.openvino.description import DECLARED, ONE_ROW
from lightship.engines.openvino.streams import choose_streams
from lightship.engines.rows import accepted_sample
from lightship.engines.timing import (
    CPU_SECONDS,
    MAX_ROWS,
    CannotMeasure,
    Comparison,
    Measurement,
    SideBySide,
    Stopwatch,
    notice_stops,
)
from lightship.errors import LightshipError
from lightship.saved_model.reader import read_saved_model
from lightship.saved_model.versions import model_bytes

# The largest batch that is measured with several streams: so many times as many calls would have to wait.
MAX_STREAM_ROWS = 8
# The largest version, in bytes, that gets a copy for runs on one thread.
MAX_ONE_THREAD_BYTES = 8 << 20
# A run on one thread may take at most so many times as long as on all.
MAX_SLOWDOWN = 1.25


def work(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Compiles a signature again and measures it.

    Returns the "costs", a list of pairs of a number of rows and the seconds of a run; the largest number of rows to run
    on "one_thread", or 0, with the "costs_on_one_thread"; the number of "streams" that calls are to be run by when they
    wait, with the "costs_of_streams" if there are several; and whether the machine was too busy ("disturbed") for all
    this to be kept.
    """
    notice_stops()
    signature = read_saved_model(Path(request["folder"]), request["tags"]).signatures[request["signature"]]
    options = EngineOptions(
        threads=request["threads"],
        precision=request["precision"],
        allow_unproven=frozenset(request["allow_unproven"]),
    )

    copy_bytes = model_bytes(Path(request["folder"]))  # while it is there

    def models(streams: int, threads: int = options.threads) -> Mapping[str, Compiled]:
        options_then = replace(options, threads=threads)
        return build_models(Path(request["folder"]), signature, options_then, request["models"], streams).models

    most = MAX_ROWS if request["joinable"] else 1
    found: dict[str, Any] = {"costs": [], "one_thread": 0, "costs_on_one_thread": []}
    found |= {"streams": 1, "costs_of_streams": [], "disturbed": False}
    try:
        one_stream = models(1)
        declared = one_stream[DECLARED]
        sample = accepted_sample(lambda inputs: declared.run(inputs, declared.outputs), signature)
    except CannotRun:  # it could be compiled before, so the machine lacks something now
        return {**found, "disturbed": True}
    if sample is None:
        return found
    usual = Measurement(Runs(one_stream, sample), Stopwatch(declared.threads), most)
    usual.ascend()
    processors = request["threads"] or request["processors"]
    shortest = usual.stopwatch.shortest
    try:
        if (
            request["one_thread"]
            and declared.threads > 1
            and shortest <= SHORT_SECONDS
            and copy_bytes <= MAX_ONE_THREAD_BYTES
        ):
            found |= _one_thread(usual, Measurement(Runs(models(1, threads=1), sample), Stopwatch(1), most))
        elif wanted := _numbers_of_streams(request["streams"], processors, shortest):
            by_streams, disturbed = _side_by_side(models, sample, wanted, min(most, MAX_STREAM_ROWS), usual)
            if request["streams"] > 1:  # the operator has set the number
                streams = max(by_streams, default=1)
            else:
                streams = choose_streams(usual.costs, by_streams, copy_bytes)
            found["disturbed"] = disturbed
            if streams > 1:
                found |= {"streams": streams, "costs_of_streams": list(by_streams[streams].items())}
        else:
            usual.repeat()
    except CannotRun:
        usual.repeat()
    found["costs"] = list(usual.costs.items())
    found["disturbed"] = found["disturbed"] or usual.stopwatch.disturbed
    return found


def _one_thread(usual: Measurement, one_thread: Measurement) -> dict[str, Any]:
    """Returns what was found about runs on one thread."""
    one_thread.ascend()
    costs = Comparison(usual, one_thread).costs
    found: dict[str, Any] = {"disturbed": one_thread.stopwatch.disturbed}
    if rows := rows_on_one_thread(usual.costs, costs):
        found |= {"one_thread": rows, "costs_on_one_thread": list(costs.items())}
    return found


def rows_on_one_thread(costs: Mapping[int, float], on_one_thread: Mapping[int, float]) -> int:
    """Returns the largest number of rows that one thread runs in a short time and about as fast as all threads do.

    Returns 0 if there is none. `costs` are those on all threads. Further threads that save little are not worth it:
    each keeps a processor busy, also for a moment after the run.
    """
    most = 0
    for rows, seconds in on_one_thread.items():
        if seconds > min(SHORT_SECONDS, MAX_SLOWDOWN * costs.get(rows, 0.0)):
            break
        most = rows
    return most


def _numbers_of_streams(asked_for: int, processors: int, seconds: float) -> list[int]:
    """Returns the numbers of streams to measure, the largest first; none where one after the other is best.

    asked_for: the option `EngineOptions.streams`. seconds: what one row takes.
    """
    if asked_for:
        return [asked_for] if asked_for > 1 else []
    if seconds <= SHORT_SECONDS:
        return []
    return streams_to_measure(processors)


def streams_to_measure(processors: int) -> list[int]:
    """Returns the numbers of streams, beside one, among which an engine chooses; the largest first."""
    return sorted({processors, processors // 2, processors // 4} - {0, 1}, reverse=True)


def _side_by_side(
    models: Callable[[int], Mapping[str, Compiled]],
    sample: Mapping[str, NDArray[Any]],
    numbers: Sequence[int],
    most: int,
    usual: Measurement,
) -> tuple[Mapping[int, Mapping[int, float]], bool]:
    """Returns the costs of one run while all streams run, by the number of streams, and whether the machine was too
    busy to tell them.

    `usual`, the measurement of one stream, goes on beside each of them, because they are compared with it.
    """
    compared: dict[int, Comparison] = {}
    disturbed = False
    for wanted in numbers:
        compiled = models(wanted)
        streams = compiled[DECLARED].streams  # fewer where two processors share a core
        if streams == 1 or streams in compared:
            continue
        stopwatch = Stopwatch(compiled[DECLARED].threads, CPU_SECONDS * max(numbers) / 2)
        with SideBySide(Runs(compiled, sample), streams) as runs:
            several = Measurement(runs, stopwatch, most)
            several.ascend()
            if compared:
                usual.stopwatch.renew()
            compared[streams] = Comparison(usual, several)
        disturbed = disturbed or stopwatch.disturbed
    if not compared:
        usual.repeat()
    return {streams: one.costs for streams, one in compared.items()}, disturbed


class Runs:
    """Runs numbers of rows, made of the rows of a sample, as the server would."""

    def __init__(self, models: Mapping[str, Compiled], sample: Mapping[str, NDArray[Any]]) -> None:
        self._declared = models[DECLARED]
        self._one_row = models.get(ONE_ROW, self._declared)
        self._sample = sample
        self._rows: dict[int, Mapping[str, NDArray[Any]]] = {}

    def __call__(self, rows: int) -> None:
        if rows not in self._rows:
            self._rows[rows] = {name: array[np.arange(rows) % len(array)] for name, array in self._sample.items()}
        compiled: Compiled = self._one_row if rows == 1 else self._declared
        try:
            compiled.run(self._rows[rows], compiled.outputs)
        except (CannotRun, LightshipError) as error:
            raise CannotMeasure(str(error)) from error
