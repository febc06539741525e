"""Counts the batches of TensorFlow Serving's batching. The metrics have TensorFlow Serving's names."""

from __future__ import annotations

import threading

from lightship.transports.metrics.histogram import Histogram
from lightship.transports.metrics.text import Family, counter

_PREFIX = "/tensorflow/serving/batching_session"
_WAITS = f"{_PREFIX}/queuing_latency"
_RUNS = f"{_PREFIX}/wrapped_run_count"
_PADDING = f"{_PREFIX}/padding_size"
_CALLS = f"{_PREFIX}/input_batch_size"
_BATCHES = f"{_PREFIX}/processed_batch_size"
_WAIT_LIMITS = tuple(100 * 1.2**power for power in range(52))  # microseconds
_SIZE_LIMITS = tuple(float(2**power) for power in range(14))  # rows
_MAX_SIZES = 1000  # sizes of batches whose padding is counted; those of further sizes is not


class BatchMetrics:
    """A `BatchObserver`. Any thread may call its methods."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs = 0
        self._waits = Histogram(_WAIT_LIMITS)
        self._calls, self._batches = Histogram(_SIZE_LIMITS), Histogram(_SIZE_LIMITS)
        self._padding: dict[int, Histogram] = {}  # by the size of the batch

    def called(self, rows: int) -> None:
        with self._lock:
            self._calls.add(rows)

    def waited(self, seconds: float) -> None:
        with self._lock:
            self._waits.add(seconds * 1_000_000)

    def ran(self, rows: int, size: int) -> None:
        with self._lock:
            self._runs += 1
            self._batches.add(size)
            padding = self._padding.get(size)
            if padding is None and len(self._padding) < _MAX_SIZES:
                padding = self._padding[size] = Histogram(_SIZE_LIMITS)
            if padding is not None:
                padding.add(size - rows)

    def families(self) -> list[Family]:
        """Returns the metrics. Those of sizes come with the first batch."""
        with self._lock:
            if not self._runs:
                return [Family(_WAITS, "histogram", []), counter(_RUNS, [])]
            padding = [
                line
                for size, one in sorted(self._padding.items())
                for line in one.samples(_PADDING, {"execution_batch_size": str(size)})
            ]
            return [
                Family(_WAITS, "histogram", self._waits.samples(_WAITS, {"thread_pool_name": ""})),
                counter(_RUNS, [({}, self._runs)]),
                Family(_PADDING, "histogram", padding),
                Family(_CALLS, "histogram", self._calls.samples(_CALLS, {})),
                Family(_BATCHES, "histogram", self._batches.samples(_BATCHES, {})),
            ]
