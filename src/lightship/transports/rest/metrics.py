"""What is counted of requests, under TensorFlow Serving's names, labels and buckets."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from lightship.transports.rest.metrics_text import Family, counter, histogram_samples

_COUNT = "/tensorflow/serving/request_count"
_LATENCY = "/tensorflow/serving/request_latency"
_LIMITS = [10 * 1.8**power for power in range(33)]  # microseconds
_LIMIT_TEXTS = [f"{limit:g}" for limit in _LIMITS]
_MOST_STRANGERS = 100  # names of models that are not served; further ones are counted under the empty name
_LONGEST_STRANGER = 128


@dataclass(slots=True)
class _Histogram:
    buckets: list[int] = field(default_factory=lambda: [0] * (len(_LIMITS) + 1))
    total: float = 0.0

    def add(self, value: float) -> None:
        self.buckets[bisect_right(_LIMITS, value)] += 1
        self.total += value

    def samples(self, model: str, api: str) -> list[str]:
        labels = {"model_name": model, "API": api, "entrypoint": "REST"}
        return histogram_samples(_LATENCY, labels, _LIMIT_TEXTS, self.buckets, self.total)


class Metrics:
    """`models` says which models are configured: only their names, and a few others, become labels."""

    def __init__(self, models: Callable[[], Collection[str]]) -> None:
        self._models = models
        self._lock = threading.Lock()
        self._strangers: set[str] = set()
        self._counts: dict[tuple[str, str], int] = {}
        self._latencies: dict[tuple[str, str], _Histogram] = {}

    def request(self, model: str, status: str, api: str, microseconds: float) -> None:
        """Counts a request, and the latency of one that succeeded. `status`: the canonical code's name."""
        with self._lock:
            key = (self._label(model), status)
            self._counts[key] = self._counts.get(key, 0) + 1
            if status == "OK":
                self._latencies.setdefault((key[0], api), _Histogram()).add(microseconds)

    def families(self) -> list[Family]:
        with self._lock:
            counts, latencies = sorted(self._counts.items()), sorted(self._latencies.items())
            samples = [line for (model, api), one in latencies for line in one.samples(model, api)]
        named = (({"model_name": model, "status": status}, count) for (model, status), count in counts)
        return [counter(_COUNT, named), Family(_LATENCY, "histogram", samples)]

    def _label(self, model: str) -> str:
        if (model, "OK") in self._counts or model in self._strangers:
            return model
        if model and model not in self._models():
            if len(self._strangers) >= _MOST_STRANGERS or len(model) > _LONGEST_STRANGER:
                return ""
            self._strangers.add(model)
        return model
