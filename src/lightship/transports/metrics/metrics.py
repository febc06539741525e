"""Counts requests under TensorFlow Serving's metric names, labels and buckets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

import numpy as np
from numpy.typing import NDArray

from lightship.transports.metrics.histogram import Histogram
from lightship.transports.metrics.text import Family, counter

_COUNT = "/tensorflow/serving/request_count"
_LATENCY = "/tensorflow/serving/request_latency"
_MAX_STRANGERS = 100  # names of models that are not served; further names are counted under the empty name
_MAX_STRANGER = 128
_MAX_REMOVED = 200  # models that were removed; from then on, what was counted of them is dropped

_ENTRYPOINTS = {"rest": "REST", "grpc": "GRPC"}

_Key = tuple[str, str, str]  # the labels entrypoint, model_name and API


class Metrics:
    """Counts requests and their latencies. Any thread may call its methods.

    `models` returns the names of the configured models. Only these names, and a limited number of others, become
    labels. What was counted of models that were removed is kept until there are many of them: each has
    dozens of series, which are read again and again.
    """

    def __init__(self, models: Callable[[], Collection[str]]) -> None:
        self._models = models
        self._lock = threading.Lock()
        self._known: set[str] = set()  # names that are labels
        self._strangers = 0  # how many of them are not of configured models
        # Of the requests that succeeded. Their number is not kept apart, because it is that of their latencies.
        self._latencies: dict[_Key, Histogram] = {}
        self._failures: dict[tuple[str, str], int] = {}  # by the labels model_name and status
        self._count_first: list[Callable[[], None]] = []

    def count_first(self, count: Callable[[], None]) -> None:
        """Lets `count` count what was noted whenever the metrics are read."""
        self._count_first.append(count)

    def succeeded(self, transport: str, model: str, api: str, seconds: NDArray[np.float64]) -> None:
        """Counts requests that succeeded, by the seconds that each of them took. transport: "rest" or "grpc"."""
        with self._lock:
            label = self._label(model)  # may replace the latencies
            latency = self._latencies.setdefault((_ENTRYPOINTS[transport], label, api), Histogram())
        latency.add_all(seconds * 1_000_000)

    def failed(self, model: str, status: str) -> None:
        """Counts a request that failed. `status` is the name of the canonical code."""
        with self._lock:
            key = (self._label(model), status)
            self._failures[key] = self._failures.get(key, 0) + 1

    def families(self) -> list[Family]:
        for count in self._count_first:
            count()
        with self._lock:
            latencies = [
                ({"model_name": model, "API": api, "entrypoint": entrypoint}, latency)
                for (entrypoint, model, api), latency in self._latencies.items()
            ]
            counts = dict(self._failures)
        samples: list[str] = []
        for labels, latency in sorted(latencies, key=lambda one: tuple(one[0].values())):
            lines = latency.samples(_LATENCY, labels)
            key = labels["model_name"], "OK"
            counts[key] = counts.get(key, 0) + int(lines[-1].rpartition(" ")[2])
            samples += lines
        named = (({"model_name": model, "status": status}, count) for (model, status), count in sorted(counts.items()))
        return [counter(_COUNT, named), Family(_LATENCY, "histogram", samples)]

    def _label(self, model: str) -> str:
        if model in self._known:
            return model
        models = self._models()
        if model and model not in models:
            if self._strangers >= _MAX_STRANGERS or len(model) > _MAX_STRANGER:
                return ""
            self._strangers += 1
        elif len(self._known) - self._strangers >= len(models) + _MAX_REMOVED:
            self._drop_removed()
        self._known.add(model)
        return model

    def _drop_removed(self) -> None:
        """Drops what was counted of models that are not configured."""
        models = {"", *self._models()}
        self._known &= models
        self._strangers = 0
        self._latencies = {key: one for key, one in self._latencies.items() if key[1] in models}
        self._failures = {key: count for key, count in self._failures.items() if key[0] in models}
