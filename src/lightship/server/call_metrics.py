"""Counts how long the engine takes for calls, and the examples of MultiInference, under TensorFlow Serving's names."""

from __future__ import annotations

import threading
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from lightship.transports.metrics.histogram import Histogram
from lightship.transports.metrics.text import Family, counter

_LATENCY = "/tensorflow/serving/runtime_latency"
_EXAMPLES = "/tensorflow/serving/request_example_counts"
_TOTAL = "/tensorflow/serving/request_example_count_total"
_PREDICT = "Predict"
_RUNTIME = "TF1"  # whatever the engine is, because dashboards select by it
_MAX_MODELS = 1000  # of which figures are kept; those that were loaded longest ago are removed first
_EXAMPLE_LIMITS = tuple(float(2**power) for power in range(15))


class ModelCalls:
    """A `CallObserver` for one model."""

    def __init__(self) -> None:
        self._predict = Histogram()
        self._others: defaultdict[str, Histogram] = defaultdict(Histogram)  # by the name of the method
        self._examples = Histogram(_EXAMPLE_LIMITS)
        self._lock = threading.Lock()

    def answered(self, api: str, microseconds: float) -> None:
        if api == _PREDICT:
            self._predict.add(microseconds)
            return
        with self._lock:
            latency = self._others[api]
        latency.add(microseconds)

    def predicted(self, microseconds: NDArray[np.float64]) -> None:
        """Counts Predict calls that the event loop has answered, by the time of their runs."""
        self._predict.add_all(microseconds)

    def examples_came(self, count: int) -> None:
        self._examples.add(count)

    def latency_samples(self, model: str) -> list[str]:
        """Returns the lines of `runtime_latency`. A method without calls has none."""
        with self._lock:
            latencies = [(_PREDICT, self._predict), *self._others.items()]
        return [
            line
            for api, latency in sorted(latencies)
            if latency.count
            for line in latency.samples(_LATENCY, {"model_name": model, "API": api, "runtime": _RUNTIME})
        ]

    def example_samples(self, model: str) -> list[str]:
        """Returns the lines of `request_example_counts`, if there are any."""
        return self._examples.samples(_EXAMPLES, {"model": model}) if self._examples.count else []

    @property
    def example_total(self) -> int:
        """How many examples came."""
        return int(self._examples.read()[1])


class CallMetrics:
    """Counts the calls of all models. Any thread may call its methods."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[str, ModelCalls] = {}

    def of(self, model: str) -> ModelCalls:
        """Returns what is told of the calls of a model. All versions of a model share it."""
        with self._lock:
            calls = self._models.pop(model) if model in self._models else ModelCalls()
            self._models[model] = calls  # behind all others
            while len(self._models) > _MAX_MODELS:
                del self._models[next(iter(self._models))]
        return calls

    def families(self) -> list[Family]:
        with self._lock:
            models = sorted(self._models.items())
        latencies = [line for name, calls in models for line in calls.latency_samples(name)]
        examples = [line for name, calls in models for line in calls.example_samples(name)]
        totals = [({"model": name}, total) for name, calls in models if (total := calls.example_total)]
        return [
            Family(_LATENCY, "histogram", latencies),
            Family(_EXAMPLES, "histogram", examples),
            counter(_TOTAL, totals),
        ]
