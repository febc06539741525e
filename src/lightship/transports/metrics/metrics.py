"""Counts requests under TensorFlow Serving's metric names, labels and buckets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import Any

from lightship.transports.metrics.histogram import Histogram
from lightship.transports.metrics.text import Family, counter

_COUNT = "/tensorflow/serving/request_count"
_LATENCY = "/tensorflow/serving/request_latency"
_MAX_STRANGERS = 100  # names of models that are not served; further names are counted under the empty name
_MAX_STRANGER = 128
_MAX_KNOWN = 2000  # names that are labels; from then on, those of models that were removed are dropped

_Latencies = dict[tuple[str, str], Histogram]  # by the labels model_name and API


class Metrics:
    """Counts requests and their latencies. Any thread may call its methods.

    `models` returns the names of the configured models. Only these names, and a limited number of others, become
    labels. What was counted of models that were removed is kept until there are many names.
    """

    def __init__(self, models: Callable[[], Collection[str]]) -> None:
        self._models = models
        self._lock = threading.Lock()
        self._known: set[str] = set()  # names that are labels
        self._strangers = 0  # how many of them are not of configured models
        # Of the requests that succeeded. Their number is not kept apart, because it is that of their latencies.
        self._rest: _Latencies = {}
        self._grpc: _Latencies = {}
        self._failures: dict[tuple[str, str], int] = {}  # by the labels model_name and status

    def request(self, model: str, status: str, api: str, microseconds: float, times: int = 1) -> None:
        """Counts a REST request, or several alike that took the same time, and the latency of each if they succeeded.

        `status` is the name of the canonical code.
        """
        if status == "OK":
            latency = self._rest.get((model, api)) or self._new_latency(self._rest, model, api)
            latency.add(microseconds, times)
        else:
            self._count_failure(model, status, times)

    def grpc_request(self, model: str, status: str, api: str, microseconds: float, times: int = 1) -> None:
        """Does what `request` does, for a gRPC call."""
        if status == "OK":
            latency = self._grpc.get((model, api)) or self._new_latency(self._grpc, model, api)
            latency.add(microseconds, times)
        else:
            self._count_failure(model, status, times)

    def families(self) -> list[Family]:
        with self._lock:
            latencies = [
                ({"model_name": model, "API": api, "entrypoint": entrypoint}, latency)
                for entrypoint, kept in (("GRPC", self._grpc), ("REST", self._rest))
                for (model, api), latency in kept.items()
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

    def _new_latency(self, kept: _Latencies, model: str, api: str) -> Histogram:
        with self._lock:
            return kept.setdefault((self._label(model), api), Histogram())

    def _count_failure(self, model: str, status: str, times: int) -> None:
        with self._lock:
            key = (self._label(model), status)
            self._failures[key] = self._failures.get(key, 0) + times

    def _label(self, model: str) -> str:
        if model in self._known:
            return model
        if model and model not in self._models():
            if self._strangers >= _MAX_STRANGERS or len(model) > _MAX_STRANGER:
                return ""
            self._strangers += 1
        elif len(self._known) >= _MAX_KNOWN:
            self._drop_removed()
        self._known.add(model)
        return model

    def _drop_removed(self) -> None:
        """Drops what was counted of models that are not configured. Others may look into the dictionaries meanwhile."""
        models = {"", *self._models()}
        self._known &= models
        self._strangers = 0
        kept: tuple[dict[tuple[str, str], Any], ...] = (self._rest, self._grpc, self._failures)
        for one in kept:
            for key in [key for key in one if key[0] not in models]:
                del one[key]
