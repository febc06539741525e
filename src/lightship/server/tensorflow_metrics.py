"""Counts graphs that were read, made ready and run, under the names of TensorFlow's own metrics.

They are those that dashboards for TensorFlow Serving use. They count the work of whichever engine runs a model.
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from lightship.saved_model.reader import SavedModel
from lightship.transports.metrics.histogram import Histogram
from lightship.transports.metrics.text import Family, counter, gauge

_READ = "/tensorflow/core/saved_model/read/count"
_BUILDS = "/tensorflow/core/graph_build_calls"
_BUILD_TIME = "/tensorflow/core/graph_build_time_usecs"
_SESSION = "/tensorflow/core/session_created"
_RUNS = "/tensorflow/core/graph_runs"
_RUN_TIME = "/tensorflow/core/graph_run_time_usecs"
_RUN_TIMES = "/tensorflow/core/graph_run_time_usecs_histogram"
_RUN_LIMITS = tuple(1000.0 * 2**power for power in range(20))  # microseconds


class TensorFlowMetrics:
    """Any thread may call its methods.

    ran: takes the microseconds of a run of an engine.
    """

    def __init__(self) -> None:
        self._runs = Histogram(_RUN_LIMITS)
        self.ran = self._runs.add
        self._lock = threading.Lock()
        self._reads: dict[str, int] = {}  # by the version of the format
        self._builds = 0
        self._build_microseconds = 0

    def ran_all(self, microseconds: NDArray[np.float64]) -> None:
        """Counts runs of engines."""
        self._runs.add_all(microseconds)

    def engine_made(self, model: SavedModel, seconds: float) -> None:
        """Counts a graph that was read, and an engine that was made of it."""
        version = "2" if model.tensorflow_version.partition(".")[0] not in ("", "0", "1") else "1"
        with self._lock:
            self._reads[version] = self._reads.get(version, 0) + 1
            self._builds += 1
            self._build_microseconds += max(1, int(seconds * 1_000_000))

    def families(self) -> list[Family]:
        with self._lock:
            reads = [({"write_version": version}, count) for version, count in sorted(self._reads.items())]
            builds, build_time = self._builds, self._build_microseconds
        buckets, run_time = self._runs.read()
        runs = sum(buckets)
        return [
            counter(_READ, reads),
            counter(_BUILDS, [({}, builds)] if builds else []),
            counter(_BUILD_TIME, [({}, build_time)] if builds else []),
            # TensorFlow's value is a truth value, which TensorFlow Serving's page shows as 0.
            gauge(_SESSION, [({}, 0)] if builds else []),
            counter(_RUNS, [({}, runs)] if runs else []),
            counter(_RUN_TIME, [({}, int(run_time))] if runs else []),
            Family(_RUN_TIMES, "histogram", self._runs.samples(_RUN_TIMES, {}) if runs else []),
        ]
