"""Counts attempts to load versions and calls to warm them up, under the names that TensorFlow gives them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from lightship.errors import Code, LightshipError
from lightship.lifecycle.attempts import Load
from lightship.lifecycle.replay import Call, Replay
from lightship.lifecycle.servable import Servable, ServableId
from lightship.transports.metrics.histogram import Histogram
from lightship.transports.metrics.text import Family, counter

_ATTEMPTS = "/tensorflow/cc/saved_model/load_attempt_count"
_LATENCY = "/tensorflow/cc/saved_model/load_latency"
_WARM_UP = "/tensorflow/serving/model_warmup_latency"
_RECORDS = "/tensorflow/serving/model_warmup_records_read"
_MOST_PATHS = 1000  # versions whose figures are kept; the oldest go first


@dataclass(slots=True)
class _Version:
    """The figures of one version folder. microseconds: of successful attempts. Warm-ups are by their status."""

    attempts: dict[str, int] = field(default_factory=dict)
    microseconds: int = 0
    warm_ups: dict[str, Histogram] = field(default_factory=dict)
    records: int = 0


class LoadMetrics:
    """Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._versions: dict[str, _Version] = {}

    def counted(self, load: Load) -> Load:
        """The same load, each attempt of which is counted."""

        def counting(id: ServableId, path: Path) -> Servable:
            start = time.perf_counter()
            try:
                servable = load(id, path)
            except BaseException:
                self._add_attempt(path, "fail", 0)
                raise
            self._add_attempt(path, "success", _microseconds_since(start))
            return servable

        return counting

    def replayed(self, replay: Replay) -> Replay:
        """The same replay, timed, and its records counted; nothing of versions that have none."""

        def replaying(servable: Servable, call: Call, iterations: int) -> int:
            start = time.perf_counter()
            try:
                records = replay(servable, call, iterations)
            except LightshipError as error:
                self._add_warm_up(servable.bundle.path, error.code, 0, _microseconds_since(start))
                raise
            if records:
                self._add_warm_up(servable.bundle.path, Code.OK, records, _microseconds_since(start))
            return records

        return replaying

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

    def _add_attempt(self, path: Path, status: str, microseconds: int) -> None:
        with self._lock:
            version = self._version(path)
            version.attempts[status] = version.attempts.get(status, 0) + 1
            version.microseconds += microseconds

    def _add_warm_up(self, path: Path, code: Code, records: int, microseconds: int) -> None:
        with self._lock:
            version = self._version(path)
            version.warm_ups.setdefault(code.name, Histogram()).add(microseconds)
            version.records += records

    def _version(self, path: Path) -> _Version:
        version = self._versions.setdefault(str(path), _Version())
        while len(self._versions) > _MOST_PATHS:
            del self._versions[next(iter(self._versions))]
        return version


def _microseconds_since(start: float) -> int:
    return max(1, int((time.perf_counter() - start) * 1_000_000))
