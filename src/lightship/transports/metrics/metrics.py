"""Counts requests under TensorFlow Serving's metric names, labels and buckets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

from lightship.transports.metrics.histogram import Histogram
from lightship.transports.metrics.text import Family, counter

_COUNT = "/tensorflow/serving/request_count"
_LATENCY = "/tensorflow/serving/request_latency"
_MAX_STRANGERS = 100  # names of models that are not served; further names are counted under the empty name
_MAX_STRANGER = 128


class Metrics:
    """Counts requests and their latencies.

    `models` returns the names of the configured models. Only these names, and a limited number of others, become
    labels.
    """

    def __init__(self, models: Callable[[], Collection[str]]) -> None:
        self._models = models
        self._lock = threading.Lock()
        self._strangers: set[str] = set()
        self._counts: dict[tuple[str, str], int] = {}
        self._latencies: dict[tuple[str, str, str], Histogram] = {}

    def request(
        self, model: str, status: str, api: str, microseconds: float, times: int = 1, *, entrypoint: str = "REST"
    ) -> None:
        """Counts a request, or several alike that took the same time, and the latency of each if they succeeded.

        `status` is the name of the canonical code. `entrypoint` is REST or GRPC.
        """
        with self._lock:
            key = (self._label(model), status)
            self._counts[key] = self._counts.get(key, 0) + times
            if status == "OK":
                labels = (key[0], api, entrypoint)
                latency = self._latencies.get(labels)
                if latency is None:
                    latency = self._latencies[labels] = Histogram()
                latency.add(microseconds, times)

    def families(self) -> list[Family]:
        with self._lock:
            counts, latencies = sorted(self._counts.items()), sorted(self._latencies.items())
            samples = [line for of, one in latencies for line in _latency_samples(*of, one)]
        named = (({"model_name": model, "status": status}, count) for (model, status), count in counts)
        return [counter(_COUNT, named), Family(_LATENCY, "histogram", samples)]

    def _label(self, model: str) -> str:
        if (model, "OK") in self._counts or model in self._strangers:
            return model
        if model and model not in self._models():
            if len(self._strangers) >= _MAX_STRANGERS or len(model) > _MAX_STRANGER:
                return ""
            self._strangers.add(model)
        return model


def _latency_samples(model: str, api: str, entrypoint: str, latency: Histogram) -> list[str]:
    return latency.samples(_LATENCY, {"model_name": model, "API": api, "entrypoint": entrypoint})
