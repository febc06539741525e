"""Asks the model of a row of an engine."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from conformance.coverage.row import Row
from lightship.engines import Engine, EngineOptions, load_engine
from lightship.errors import LightshipError
from lightship.saved_model.reader import read_saved_model

Answers = Mapping[str, NDArray[Any]]
_ROUNDS = 5
_ROUND_SECONDS = 0.2


@dataclass(slots=True)
class Found:
    """What an engine made of a row."""

    # The engines that ran the row's signatures, such as "openvino" or "openvino+tensorflow"; "" after an error.
    engine: str = ""
    # Why the first signature does not run on OpenVINO alone.
    reason: str = ""
    # Why there are no answers.
    error: str = ""
    # The answers of each signature, in the order in which it was asked.
    answers: dict[str, list[Answers]] = field(default_factory=dict)
    # The least time of one run, in seconds; None if it was not measured.
    seconds: float | None = None


def ask(row: Row, folder: Path, options: EngineOptions, *, timed: bool = False) -> Found:
    """Loads the model of a row from `folder`, and asks it everything."""
    found = Found()
    try:
        engine = load_engine(folder, read_saved_model(folder), options)
    except LightshipError as error:
        return Found(error=error.message)
    try:
        for signature, asked in row.asks.items():
            found.answers[signature] = [engine.run(signature, inputs) for inputs in asked]
        reports = [report for report in engine.reports() if report.signature in row.asks]
        found.engine = "+".join(sorted({report.engine for report in reports}))
        found.reason = next((report.reason for report in reports if report.engine != "openvino"), reports[0].reason)
        found.seconds = _seconds(engine, row) if timed else None
    except LightshipError as error:
        return Found(error=error.message)
    finally:
        engine.close()
    return found


def _seconds(engine: Engine, row: Row) -> float:
    """Returns the time of one run: the least mean of several rounds, because other load can only lengthen a round."""
    signature, inputs = row.timed
    means = []
    for _ in range(_ROUNDS):
        start, runs = time.perf_counter(), 0
        while not runs or time.perf_counter() < start + _ROUND_SECONDS:
            engine.run(signature, inputs)
            runs += 1
        means.append((time.perf_counter() - start) / runs)
    return min(means)


def without_tensorflow() -> dict[str, str]:
    """Returns an environment for a process in which TensorFlow seems not to be installed."""
    root = Path(__file__).parents[2]
    places = [root / "tests/without_tensorflow", root / "src", root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}
