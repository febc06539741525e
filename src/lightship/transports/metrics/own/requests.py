"""Counts the requests of a server by model, method, transport and code, and how long their stages took."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from lightship.transports.metrics.own.families import own_counter, own_histogram
from lightship.transports.metrics.own.stages import LIMITS, STAGES, StageCounts, StageTimes
from lightship.transports.metrics.text import Family

# The series of all models together, and of each that is configured: of its methods, or of these and codes of errors.
# From then on, those of models that were removed are dropped.
_MAX_SERIES, _PER_MODEL = 200, 16

_RUNNING = {"predict", "classify", "regress", "explain", "multi_inference"}  # the methods that run a model

_Key = tuple[str, str]  # a model and a method


class TransportMetrics:
    """Counts the requests of one transport. Any thread may call its methods."""

    def __init__(self, transport: str, models: Callable[[], Collection[str]]) -> None:
        self.transport, self._models = transport, models
        self._lock = threading.Lock()
        self._times: dict[_Key, StageTimes] = {}
        self._failures: dict[tuple[str, str, str], int] = {}  # by model, method and code
        self._count_first: list[Callable[[], None]] = []

    def count_first(self, count: Callable[[], None]) -> None:
        """Lets `count` count what was noted whenever the requests are read."""
        self._count_first.append(count)

    def succeeded(self, model: str, method: str, stages: NDArray[np.float64]) -> None:
        """Counts requests that were answered.

        model: one that is served, or "" for none. method: such as predict. stages: [N, 4], the seconds of each stage.
        """
        with self._lock:
            if (model, method) not in self._times and len(self._times) >= self._max_series():
                self._drop_removed()
            times = self._times.setdefault((model, method), StageTimes())
        times.add(stages)

    def failed(self, model: str, method: str, code: str) -> None:
        """Counts a request that was answered with an error. `model` may be any text of a client."""
        known = (model, method) in self._times or model in self._models()
        with self._lock:
            key = (model if known else "", method, code)
            if key not in self._failures and len(self._failures) >= self._max_series():
                self._drop_removed()
            self._failures[key] = self._failures.get(key, 0) + 1

    def read(self) -> tuple[dict[_Key, StageCounts], dict[tuple[str, str, str], int]]:
        """Returns the requests that were answered, by model and method, and the others by model, method and code."""
        for count in self._count_first:
            count()
        with self._lock:
            times, failures = list(self._times.items()), dict(self._failures)
        return {key: one.read() for key, one in times}, failures

    def _max_series(self) -> int:
        return _MAX_SERIES + _PER_MODEL * len(self._models())

    def _drop_removed(self) -> None:
        """Drops what was counted of models that do not exist any more."""
        models = {"", *self._models()}
        self._times = {key: one for key, one in self._times.items() if key[0] in models}
        self._failures = {key: count for key, count in self._failures.items() if key[0] in models}


class RequestMetrics:
    """Counts the requests of both transports.

    `models` returns the names of the configured models. No other name becomes a label.
    """

    def __init__(self, models: Callable[[], Collection[str]]) -> None:
        self.rest, self.grpc = TransportMetrics("rest", models), TransportMetrics("grpc", models)

    def families(self) -> list[Family]:
        counts: list[tuple[dict[str, str], float]] = []
        durations: list[tuple[dict[str, str], list[int], float]] = []
        by_model: dict[str, list[StageCounts]] = {}
        for one in (self.grpc, self.rest):
            times, failures = one.read()
            for (model, method), counted in sorted(times.items()):
                labels = {"model": model, "method": method, "transport": one.transport}
                durations.append((labels, counted.buckets, counted.seconds))
                counts.append((labels | {"code": "OK"}, sum(counted.buckets)))
                if method in _RUNNING:
                    by_model.setdefault(model, []).append(counted)
            for (model, method, code), number in sorted(failures.items()):
                counts.append(({"model": model, "method": method, "transport": one.transport, "code": code}, number))
        stages = [
            ({"model": model, "stage": stage}, total.stage_buckets[place], total.stage_seconds[place])
            for model, several in sorted(by_model.items())
            for total in (reduce(StageCounts.plus, several),)
            for place, stage in enumerate(STAGES)
        ]
        return [
            own_counter(
                "lightship_requests_total", "Requests that were read to their end, by the canonical code.", counts
            ),
            own_histogram(
                "lightship_request_seconds", "The time that requests took which succeeded.", LIMITS, durations
            ),
            own_histogram(
                "lightship_request_stage_seconds", "The stages of these requests, if they ran a model.", LIMITS, stages
            ),
        ]
