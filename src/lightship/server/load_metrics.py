"""Counts version load attempts and warm-up runs. The metrics have TensorFlow's names."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lightship.errors import Code, LightshipError
from lightship.saved_model.reader import SavedModel
from lightship.transports.metrics.histogram import Histogram
from lightship.transports.metrics.text import Family, counter

_ATTEMPTS = "/tensorflow/cc/saved_model/load_attempt_count"
_LATENCY = "/tensorflow/cc/saved_model/load_latency"
_WARM_UP = "/tensorflow/serving/model_warmup_latency"
_RECORDS = "/tensorflow/serving/model_warmup_records_read"
_MAX_PATHS = 1000  # the number of versions whose figures are kept; the oldest are removed first


@dataclass(slots=True)
class _Version:
    """The figures of one version folder."""

    # The number of load attempts by status: "success" or "fail".
    attempts: dict[str, int] = field(default_factory=dict)
    # The total duration of the successful attempts, in microseconds.
    microseconds: int = 0
    # The durations of warm-up runs, in microseconds, by status code.
    warm_ups: dict[str, Histogram] = field(default_factory=dict)
    # The number of warm-up records that were read.
    records: int = 0


class LoadMetrics:
    """A `LoadObserver` that counts loads and warm-up runs. Any thread may call its methods.

    engine_made: takes the graph of each engine that was made, and the seconds that it took.
    """

    def __init__(self, engine_made: Callable[[SavedModel, float], None] = lambda model, seconds: None) -> None:
        self.engine_made = engine_made
        self._lock = threading.Lock()
        self._versions: dict[str, _Version] = {}

    def attempt_finished(self, path: Path, seconds: float, error: BaseException | None) -> None:
        status = "success" if error is None else "fail"
        with self._lock:
            version = self._version(path)
            version.attempts[status] = version.attempts.get(status, 0) + 1
            version.microseconds += _microseconds(seconds) if error is None else 0

    def warm_up_finished(self, path: Path, records: int, seconds: float, error: LightshipError | None) -> None:
        code = Code.OK if error is None else error.code
        with self._lock:
            version = self._version(path)
            version.warm_ups.setdefault(code.name, Histogram()).add(_microseconds(seconds))
            version.records += records

    def families(self) -> list[Family]:
        with self._lock:
            versions = sorted(self._versions.items())
            attempts = [
                ({"model_path": path, "status": status}, count)
                for path, one in versions
                for status, count in sorted(one.attempts.items())
            ]
            latencies = [({"model_path": path}, one.microseconds) for path, one in versions if one.microseconds]
            warm_ups = [
                line
                for path, one in versions
                for status, histogram in sorted(one.warm_ups.items())
                for line in histogram.samples(_WARM_UP, {"model_path": path, "status": status})
            ]
            records = [({"model_path": path, "status": "OK"}, one.records) for path, one in versions if one.records]
        return [
            counter(_ATTEMPTS, attempts),
            counter(_LATENCY, latencies),
            Family(_WARM_UP, "histogram", warm_ups),
            counter(_RECORDS, records),
        ]

    def _version(self, path: Path) -> _Version:
        version = self._versions.setdefault(str(path), _Version())
        while len(self._versions) > _MAX_PATHS:
            del self._versions[next(iter(self._versions))]
        return version


def _microseconds(seconds: float) -> int:
    return max(1, int(seconds * 1_000_000))
