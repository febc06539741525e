"""Counts attempts to load versions, under the names that TensorFlow gives them."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from lightship.lifecycle.attempts import Load
from lightship.lifecycle.servable import Servable, ServableId
from lightship.transports.rest.metrics_text import Family, counter

_ATTEMPTS = "/tensorflow/cc/saved_model/load_attempt_count"
_LATENCY = "/tensorflow/cc/saved_model/load_latency"
_MOST_PATHS = 1000  # versions whose figures are kept; the oldest go first


class LoadMetrics:
    """Attempts by path and outcome, and the microseconds that successful ones took."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, dict[str, int]] = {}
        self._microseconds: dict[str, int] = {}

    def counted(self, load: Load) -> Load:
        """The same load, each attempt of which is counted."""

        def counting(id: ServableId, path: Path) -> Servable:
            start = time.perf_counter()
            try:
                servable = load(id, path)
            except BaseException:
                self._add(str(path), "fail", 0)
                raise
            self._add(str(path), "success", int((time.perf_counter() - start) * 1_000_000))
            return servable

        return counting

    def families(self) -> list[Family]:
        with self._lock:
            attempts = [
                ({"model_path": path, "status": status}, count)
                for path, counts in sorted(self._counts.items())
                for status, count in sorted(counts.items())
            ]
            latencies = [({"model_path": path}, spent) for path, spent in sorted(self._microseconds.items())]
        return [counter(_ATTEMPTS, attempts), counter(_LATENCY, latencies)]

    def _add(self, path: str, status: str, microseconds: int) -> None:
        with self._lock:
            counts = self._counts.setdefault(path, {})
            counts[status] = counts.get(status, 0) + 1
            if status == "success":
                self._microseconds[path] = self._microseconds.get(path, 0) + microseconds
            while len(self._counts) > _MOST_PATHS:
                oldest = next(iter(self._counts))
                del self._counts[oldest]
                self._microseconds.pop(oldest, None)
